package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

// checkLog verifies every tile, every entry and some proofs under the signed checkpoint.
func checkLog(source files, verifier note.Verifier, entries bool) (*report, error) {
	signed, err := source.read("checkpoint")
	if err != nil {
		return nil, err
	}
	tree, err := head(signed, verifier)
	if err != nil {
		return nil, err
	}
	found := &report{Origin: verifier.Name(), Size: tree.N, Root: tree.Hash.String()}
	if tree.N == 0 {
		if !bytes.Equal(tree.Hash[:], rfc6962.DefaultHasher.EmptyRoot()) {
			return nil, errors.New("the root of an empty log is not that of the empty tree")
		}
		return found, nil
	}
	reader := &tiles{files: source, kept: map[string][]byte{}}
	hashes := tlog.TileHashReader(tree, reader)
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return nil, err
	}
	if root != tree.Hash {
		return nil, errors.New("the root of the tiles is not that of the checkpoint")
	}
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		wanted, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return nil, err
		}
		data, err := source.read(tilePath(tile))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(wanted, data) {
			return nil, fmt.Errorf("%s differs from the authenticated hashes", tilePath(tile))
		}
		found.Tiles++
	}
	if entries {
		if err := checkEntries(source, tree); err != nil {
			return nil, err
		}
		found.Entries = tree.N
	}
	found.Proofs, err = checkProofs(tree, hashes)
	return found, err
}

// head opens the checkpoint with sumdb/note and again with transparency-dev/formats.
func head(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	checkpoint, rest, _, err := log.ParseCheckpoint(signed, verifier.Name(), verifier)
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(rest) > 0 {
		return tlog.Tree{}, errors.New("the checkpoint has extension lines")
	}
	lines := strings.SplitN(opened.Text, "\n", 2)
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("the checkpoint is of another log")
	}
	hash, err := tlog.ParseHash(strings.Split(lines[1], "\n")[1])
	if err != nil {
		return tlog.Tree{}, err
	}
	if !bytes.Equal(hash[:], checkpoint.Hash) {
		return tlog.Tree{}, errors.New("two readers see two checkpoints")
	}
	return tlog.Tree{N: int64(checkpoint.Size), Hash: hash}, nil
}

// checkEntries recomputes the root from the entry bundles with transparency-dev/merkle.
func checkEntries(source files, tree tlog.Tree) error {
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	grown := factory.NewEmptyRange(0)
	for start := int64(0); start < tree.N; start += width {
		count := min(width, tree.N-start)
		path := tilePath(tlog.Tile{H: height, L: -1, N: start / width, W: int(count)})
		data, err := source.read(path)
		if err != nil {
			return err
		}
		records, err := split(data)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if int64(len(records)) != count {
			return fmt.Errorf("%s holds %d entries, not %d", path, len(records), count)
		}
		for _, record := range records {
			if err := grown.Append(rfc6962.DefaultHasher.HashLeaf(record), nil); err != nil {
				return err
			}
		}
	}
	root, err := grown.GetRootHash(nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(root, tree.Hash[:]) {
		return errors.New("the root of the entries is not that of the checkpoint")
	}
	return nil
}

// checkProofs proves records and older trees with sumdb/tlog and verifies with both libraries.
func checkProofs(tree tlog.Tree, hashes tlog.HashReader) (int, error) {
	samples := map[int64]bool{0: true, tree.N / 2: true, tree.N - 1: true, (tree.N - 1) &^ 255: true}
	for range 20 {
		samples[rand.Int64N(tree.N)] = true
	}
	hasher := rfc6962.DefaultHasher
	for index := range samples {
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return 0, err
		}
		record, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(record, tree.N, tree.Hash, index, leaf[0]); err != nil {
			return 0, err
		}
		path := make([][]byte, len(record))
		for at := range record {
			path[at] = record[at][:]
		}
		err = proof.VerifyInclusion(
			hasher, uint64(index), uint64(tree.N), leaf[0][:], path, tree.Hash[:],
		)
		if err != nil {
			return 0, err
		}
		older, err := tlog.TreeHash(index+1, hashes)
		if err != nil {
			return 0, err
		}
		growth, err := tlog.ProveTree(tree.N, index+1, hashes)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckTree(growth, tree.N, tree.Hash, index+1, older); err != nil {
			return 0, err
		}
	}
	return len(samples), nil
}

func split(data []byte) ([][]byte, error) {
	var records [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, errors.New("ends inside an entry")
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		records = append(records, data[2:end])
		data = data[end:]
	}
	return records, nil
}

// tiles gives sumdb/tlog the files under the paths of C2SP tlog-tiles.
type tiles struct {
	files files
	kept  map[string][]byte
}

func (t *tiles) Height() int { return height }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for at, tile := range wanted {
		path := tilePath(tile)
		data, known := t.kept[path]
		if !known {
			read, err := t.files.read(path)
			if err != nil {
				return nil, err
			}
			data, t.kept[path] = read, read
		}
		found[at] = data
	}
	return found, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	if tile.L == -1 {
		return "tile/entries/" + strings.TrimPrefix(path, "data/")
	}
	return "tile/" + path
}
