package address

import (
	"fmt"
	"os"
	"strings"

	"github.com/go-tenancy/tenantstore/core/seal"
	"github.com/go-tenancy/tenantstore/core/tenancy"
)

// Keyring returns the keys of a file, or of a text if no file is named: a line with ID and base64
// text for each, the newest first. Empty lines and those that begin with # do not count; it is nil
// if there are no others. Errors show no key.
func Keyring(file, text string) (seal.Sealer, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	var keys []seal.Key
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 {
			return nil, invalidKeys("each line must be an ID and a key in base64")
		}
		key, err := seal.ParseKey(words[0], words[1])
		if err != nil {
			return nil, invalidKeys(err.Error())
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	ring, err := seal.NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		return nil, invalidKeys(err.Error())
	}
	return ring, nil
}

func invalidKeys(reason string) error {
	return &tenancy.Error{Field: "keys", Err: fmt.Errorf("%w: %s", tenancy.ErrInvalid, reason)}
}
