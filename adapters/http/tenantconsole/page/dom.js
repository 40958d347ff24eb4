// How the page is built: text is only ever set as text.

// el returns an element with properties and children. Properties that begin with on are
// listeners; those with a hyphen, and role, are attributes.
export function el(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (name.includes('-') || name === 'role') e.setAttribute(name, value);
    else e[name] = value;
  }
  e.append(...children);
  return e;
}

// value returns a text of somebody's, whose direction does not change what stands around it.
export const value = (text) => el('bdi', {textContent: text});

// time returns a moment as the browser's people read it.
export function time(at) {
  if (!at) return '';
  return el('time', {dateTime: at, title: at, textContent: new Date(at).toLocaleString()});
}

// badge returns a status, whose colour says nothing that the word does not.
export const badge = (status) => el('span', {className: `badge ${/^[a-z]+$/.test(status) ? status : ''}`, textContent: status});

export const tenantLink = (id, text) => el('a', {href: `#/tenants/${encodeURIComponent(id)}`}, value(text));

// say shows a message until the next one: what was done, or why it failed.
export function say(text, failed = false) {
  const message = document.getElementById('message');
  message.textContent = text;
  message.classList.toggle('failed', failed);
  message.hidden = text === '';
}

// confirmed resolves to whether the user confirms the text.
export function confirmed(text) {
  const dialog = document.getElementById('confirm');
  dialog.querySelector('p').textContent = text;
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.oncancel = () => resolve(false); // Escape
    for (const button of dialog.querySelectorAll('button')) {
      button.onclick = () => { dialog.close(); resolve(button.value === 'yes'); };
    }
  });
}
