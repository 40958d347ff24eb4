#!/usr/bin/env bash
# Compares the API of each released module at HEAD with that of its last tag, and
# fails if the version in versions.txt does not allow what has changed:
#
#   apicheck.sh apidiff [repository]
#
# What breaks users needs a new minor version before v1; from v1 on, it needs another
# module path, so it is always wrong. What is added needs a new minor version from v1
# on. (https://go.dev/ref/mod#versions)
set -euo pipefail
apidiff=$(realpath "$1")
cd "${2:-.}"
export GOWORK=off
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# api writes the API of the module in directory $1, with the siblings that it had at
# revision $2, into the file $3.
api() {
	[ -d "$tmp/$2" ] || { mkdir -p "$tmp/$2" && git archive "$2" | tar -x -C "$tmp/$2"; }
	(cd "$tmp/$2/$1" && "$apidiff" -m -w "$3" "$(go list -m)")
}

status=0
wrong() {
	echo "$@" >&2
	status=1
}

while read -r module version; do
	last=$(git -c versionsort.suffix=- tag --list "$module/v*" --sort=version:refname | tail -1)
	last=${last##*/}
	if [ -z "$last" ]; then
		echo "$module: has no tag yet"
		continue
	fi
	api "$module" "$module/$last" "$tmp/old"
	api "$module" HEAD "$tmp/new"
	changes=$("$apidiff" -m "$tmp/old" "$tmp/new")
	echo "$module since $last: ${changes:-the same}"

	newest=$(printf '%s\n' "$last" "$version" | sort -V | tail -1)
	minor=$([ "${newest%.*}" = "${last%.*}" ] || echo yes)
	stable=$([ "${last%%.*}" = v0 ] || echo yes)
	breaks=$(grep -c '^Incompatible' <<<"$changes" || true)
	if [ "$breaks" -gt 0 ] && [ "$stable" ]; then
		wrong "$module: breaks users of $last, which only another major version may"
	elif [ "$breaks" -gt 0 ] && [ ! "$minor" ]; then
		wrong "$module: breaks users of $last, so versions.txt must name a new minor version, not $version"
	elif [ "$changes" ] && [ "$stable" ] && [ ! "$minor" ]; then
		wrong "$module: adds to $last, so versions.txt must name a new minor version, not $version"
	fi
done < <(git show HEAD:versions.txt | awk '!/^#/ && $3 == "yes" { print $1, $2 }')
exit "$status"
