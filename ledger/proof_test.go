package ledger_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"narthex/ledger"
)

// spoilsOf gives every proof that is one step from an honest one: a hash less, more, twice, flipped, or two swapped.
func spoilsOf(proof []ledger.Hash) map[string][]ledger.Hash {
	spoils := map[string][]ledger.Hash{"a hash more at its end": append(slices.Clone(proof), ledger.Hash{}), "a hash more at its start": append([]ledger.Hash{{}}, proof...)}
	for i := range proof {
		spoils[fmt.Sprint("a hash less, at ", i)] = slices.Delete(slices.Clone(proof), i, i+1)
		spoils[fmt.Sprint("a hash twice, at ", i)] = slices.Insert(slices.Clone(proof), i, proof[i])
		flipped := slices.Clone(proof)
		flipped[i][i%32] ^= 1
		spoils[fmt.Sprint("a bit flipped, at ", i)] = flipped
		if i > 0 {
			swapped := slices.Clone(proof)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			spoils[fmt.Sprint("two hashes swapped, at ", i)] = swapped
		}
	}
	if len(proof) > 0 {
		spoils["no hash at all"] = nil
	}
	return spoils
}

func TestInclusionIsProvenForThatEntryAndPlaceOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(1, 700).Draw(t, "size")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		stored, tree, all := tileRows{}, &ledger.Tree{}, recordsFrom(0, 700)
		stored.put(tree.Append(all...)) // the tiles hold more than the tree that is asked about
		root := naive(leavesOf(all[:size]))
		proof, err := ledger.Prove(stored, index, size)
		if err != nil || ledger.CheckInclusion(all[index], index, size, root, proof) != nil {
			t.Fatalf("entry %d of %d is not proven: %v", index, size, err)
		}
		for what, spoiled := range spoilsOf(proof) {
			if ledger.CheckInclusion(all[index], index, size, root, spoiled) == nil {
				t.Fatalf("a proof with %s was accepted", what)
			}
		}
		if ledger.CheckInclusion(all[(index+1)%700], index, size, root, proof) == nil {
			t.Fatal("another entry was accepted")
		}
		if size > 1 && ledger.CheckInclusion(all[index], (index+1)%size, size, root, proof) == nil {
			t.Fatal("another place was accepted")
		}
		if ledger.CheckInclusion(all[index], index, size, nodeOf(root, root), proof) == nil {
			t.Fatal("another root was accepted")
		}
	})
}

func TestConsistencyIsProvenForThoseTreesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newer := rapid.Uint64Range(1, 700).Draw(t, "newer")
		older := rapid.Uint64Range(1, newer).Draw(t, "older")
		stored, tree, all := tileRows{}, &ledger.Tree{}, recordsFrom(0, 701)
		stored.put(tree.Append(all...))
		leaves := leavesOf(all)
		olderRoot, newerRoot := naive(leaves[:older]), naive(leaves[:newer])
		proof, err := ledger.ProveConsistency(stored, older, newer)
		if err != nil || ledger.CheckConsistency(older, olderRoot, newer, newerRoot, proof) != nil {
			t.Fatalf("%d is not shown to begin %d: %v", older, newer, err)
		}
		for what, spoiled := range spoilsOf(proof) {
			if ledger.CheckConsistency(older, olderRoot, newer, newerRoot, spoiled) == nil {
				t.Fatalf("a proof with %s was accepted", what)
			}
		}
		if ledger.CheckConsistency(older, naive(leaves[1:older+1]), newer, newerRoot, proof) == nil {
			t.Fatal("another beginning was accepted")
		}
		if ledger.CheckConsistency(older, olderRoot, newer, nodeOf(newerRoot, newerRoot), proof) == nil {
			t.Fatal("another tree was accepted")
		}
	})
}

// everyTile answers for any tile there could be.
type everyTile struct{}

func (everyTile) Tile(int, uint64) ([]byte, error) { return make([]byte, 256*32), nil }

func TestProofsOfSizesThatCannotBeAreRefusedAndNeverCrash(t *testing.T) {
	sizes := []uint64{0, 1, 2, 3, 255, 256, 257, 1<<61 - 1, 1 << 61, 1<<61 + 1, 1<<62 - 1, 1 << 62, 1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	for _, size := range sizes {
		for _, index := range sizes {
			for hashes := range 70 {
				proof := make([]ledger.Hash, hashes)
				if ledger.CheckInclusion(ledger.Record{}, index, size, ledger.Hash{}, proof) == nil {
					t.Errorf("inclusion of %d in %d was accepted", index, size)
				}
				possible := 0 < index && index == size && size < 1<<62 && hashes == 0
				if (ledger.CheckConsistency(index, ledger.Hash{}, size, ledger.Hash{}, proof) == nil) != possible {
					t.Errorf("consistency of %d and %d with %d hashes: possible is %v", index, size, hashes, possible)
				}
			}
			if _, err := ledger.Prove(everyTile{}, index, size); (err == nil) != (index < size && size < 1<<62) {
				t.Errorf("inclusion of %d in %d: %v", index, size, err)
			}
			if _, err := ledger.ProveConsistency(everyTile{}, index, size); (err == nil) != (0 < index && index <= size && size < 1<<62) {
				t.Errorf("consistency of %d and %d: %v", index, size, err)
			}
		}
	}
}

func TestProofsAreNotMadeFromTilesThatAreMissingOrShort(t *testing.T) {
	stored, tree := tileRows{}, &ledger.Tree{}
	stored.put(tree.Append(recordsFrom(0, 600)...))
	for _, row := range []string{tileRow(0, 0), tileRow(0, 2), tileRow(1, 0)} {
		short, missing := stored.clone(), stored.clone()
		short[row] = stored[row][:31]
		delete(missing, row)
		for what, broken := range map[string]tileRows{"short": short, "missing": missing} {
			_, err := ledger.Prove(broken, 10, 600)
			_, other := ledger.ProveConsistency(broken, 10, 600)
			if err == nil || other == nil {
				t.Errorf("a proof was made with tile %s %s: %v, %v", row, what, err, other)
			}
		}
	}
}
