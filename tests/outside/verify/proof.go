package main

import (
	"fmt"
	"os"

	formats "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// checkProof verifies a C2SP tlog-proof of a leaf with transparency-dev/formats and merkle.
func checkProof(path string, leaf []byte, vkey string) (*report, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCall, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCall, err)
	}
	var found formats.TLogProof
	if err := found.Unmarshal(data); err != nil {
		return nil, err
	}
	if string(found.Marshal()) != string(data) {
		return nil, fmt.Errorf("the proof is not in the form that formats writes")
	}
	tree, err := head(found.Checkpoint, verifier)
	if err != nil {
		return nil, err
	}
	path32 := make([][]byte, len(found.Hashes))
	for at := range found.Hashes {
		path32[at] = found.Hashes[at][:]
	}
	err = proof.VerifyInclusion(
		rfc6962.DefaultHasher, found.Index, uint64(tree.N), leaf, path32, tree.Hash[:],
	)
	if err != nil {
		return nil, err
	}
	return &report{
		Origin: verifier.Name(), Size: tree.N, Root: tree.Hash.String(), Proofs: 1,
	}, nil
}
