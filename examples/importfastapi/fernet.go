package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// newDecrypter returns a function that opens what fastapi-tenancy has encrypted with
// this key: Fernet tokens, under a key that HKDF-SHA256 derives.
func newDecrypter(key string) (func(token string) (string, error), error) {
	derived, err := hkdf.Key(sha256.New, []byte(key), nil, "fastapi-tenancy-v1", 32)
	if err != nil {
		return nil, err
	}
	return func(token string) (string, error) { return openFernet(derived, token) }, nil
}

var errFernet = errors.New("does not decrypt with TENANCY_ENCRYPTION_KEY")

// openFernet opens a token of https://github.com/fernet/spec, whatever its age: version
// 0x80, a time of 8 bytes, an IV of 16, AES-128-CBC with PKCS #7 padding, HMAC-SHA256.
// The first half of the key signs, the second encrypts.
func openFernet(key []byte, token string) (string, error) {
	const start = 1 + 8 + aes.BlockSize
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil || len(data) < start+aes.BlockSize+sha256.Size || data[0] != 0x80 {
		return "", errFernet
	}
	signed, signature := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	mac := hmac.New(sha256.New, key[:16])
	mac.Write(signed)
	if !hmac.Equal(mac.Sum(nil), signature) {
		return "", errFernet
	}
	block, err := aes.NewCipher(key[16:])
	if err != nil {
		return "", err
	}
	text := signed[start:]
	if len(text)%aes.BlockSize != 0 {
		return "", errFernet
	}
	cipher.NewCBCDecrypter(block, signed[9:start]).CryptBlocks(text, text)
	padding := int(text[len(text)-1])
	if padding < 1 || padding > aes.BlockSize {
		return "", errFernet
	}
	return string(text[:len(text)-padding]), nil
}
