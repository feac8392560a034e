// Command verify checks a log with nothing but published Go libraries: an export's folder, a
// node's log over HTTP, or a proof file.
//
//	verify -vkey KEY FOLDER
//	verify -vkey KEY [-key auditor.pem -keyid ID] http://host:port/log/access
//	verify -vkey KEY -proof FILE -leaf HEX
//
// Exit status: 0 it holds, 1 it does not, 2 the call is unusable.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

type report struct {
	Origin  string `json:"origin"`
	Size    int64  `json:"size"`
	Root    string `json:"root"`
	Tiles   int    `json:"tiles"`
	Entries int64  `json:"entries"`
	Proofs  int    `json:"proofs"`
}

var errCall = errors.New("unusable call")

func main() {
	vkey := flag.String("vkey", "", "verifier key of the log; without it the first of the folder's vkeys")
	proofFile := flag.String("proof", "", "check this tlog-proof instead of a log")
	leaf := flag.String("leaf", "", "leaf hash that the proof is of, hexadecimal")
	entries := flag.Bool("entries", true, "read the entry bundles too")
	keyFile := flag.String("key", "", "PEM file of the auditor's Ed25519 key, to sign for bundles")
	keyID := flag.String("keyid", "", "id of that key")
	flag.Parse()
	found, err := run(*vkey, *proofFile, *leaf, *entries, *keyFile, *keyID, flag.Args())
	if errors.Is(err, errCall) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		os.Exit(2)
	}
}

func run(
	vkey, proofFile, leaf string, entries bool, keyFile, keyID string, targets []string,
) (*report, error) {
	if proofFile != "" {
		hash, err := hex.DecodeString(leaf)
		if err != nil || len(hash) != 32 {
			return nil, fmt.Errorf("%w: -leaf is 64 hexadecimal digits", errCall)
		}
		return checkProof(proofFile, hash, vkey)
	}
	if len(targets) != 1 {
		return nil, fmt.Errorf("%w: name one folder or URL", errCall)
	}
	files, err := open(targets[0], keyFile, keyID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCall, err)
	}
	if vkey == "" {
		lines, err := files.read("vkeys")
		if err != nil {
			return nil, err
		}
		vkey, _, _ = strings.Cut(string(lines), "\n")
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	return checkLog(files, verifier, entries)
}
