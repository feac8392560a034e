// Command cosigned checks a cosigned checkpoint, read from standard input, with the cosignature
// verifiers of two published Go libraries.
//
//	cosigned -log VKEY -witness VKEY
//
// Exit status: 0 both signatures hold by both libraries, 1 they do not, 2 the call is unusable.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"filippo.io/torchwood"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	logKey := flag.String("log", "", "verifier key of the log")
	witnessKey := flag.String("witness", "", "verifier key of the witness, type 04")
	flag.Parse()
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := check(data, *logKey, *witnessKey); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func check(data []byte, logKey, witnessKey string) error {
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	ours, err := torchwood.NewCosignatureVerifier(witnessKey)
	if err != nil {
		return err
	}
	theirs, err := f_note.NewVerifierForCosignatureV1(witnessKey)
	if err != nil {
		return err
	}
	for _, witness := range []note.Verifier{ours, theirs} {
		opened, err := note.Open(data, note.VerifierList(log, witness))
		if err != nil {
			return err
		}
		if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
			return fmt.Errorf("%d signatures hold", len(opened.Sigs))
		}
		checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
		if err != nil {
			return err
		}
		if checkpoint.Origin != log.Name() {
			return fmt.Errorf("the checkpoint is of %q", checkpoint.Origin)
		}
		fmt.Println(checkpoint.N)
	}
	return nil
}
