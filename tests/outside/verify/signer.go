package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// signer signs an auditor's GET as docs/formats.md says, with the standard library alone.
type signer struct {
	id  string
	key ed25519.PrivateKey
}

func newSigner(path, id string) (*signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("no Ed25519 key")
	}
	return &signer{id: id, key: key}, nil
}

func (s *signer) sign(request *http.Request) {
	nonce := make([]byte, 18)
	if _, err := rand.Read(nonce); err != nil {
		panic(err)
	}
	now := time.Now().Unix()
	parameters := fmt.Sprintf(
		`("@method" "@target-uri" "credit-purpose" "credit-case");created=%d;expires=%d;`+
			`nonce="%s";keyid="%s";tag="credit-query-v1"`,
		now, now+60, base64.StdEncoding.EncodeToString(nonce), s.id,
	)
	base := fmt.Sprintf(
		"\"@method\": GET\n\"@target-uri\": %s\n\"credit-purpose\": P14\n\"credit-case\": %%\"\"\n"+
			"\"@signature-params\": %s",
		request.URL.String(), parameters,
	)
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, []byte(base)))
	request.Header.Set("Credit-Purpose", "P14")
	request.Header.Set("Credit-Case", `%""`)
	request.Header.Set("Signature-Input", "credit="+parameters)
	request.Header.Set("Signature", "credit=:"+signature+":")
}
