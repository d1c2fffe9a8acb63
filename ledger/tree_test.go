package ledger_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"narthex/ledger"
)

func fromHex(t testing.TB, text string) ledger.Hash {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		t.Fatalf("%q is no hash", text)
	}
	return ledger.Hash(raw)
}

// The inputs and roots that Certificate Transparency publishes for RFC 6962.
var (
	knownInputs = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	knownRoots  = []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	knownConsistency = []struct {
		older, newer uint64
		proof        []string
	}{
		{1, 1, nil},
		{1, 8, []string{
			"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
		{6, 8, []string{
			"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
		{2, 5, []string{
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
	}
)

func knownTile(t *testing.T) tileRows {
	var tile []byte
	for _, input := range knownInputs {
		raw, err := hex.DecodeString(input)
		if err != nil {
			t.Fatal(err)
		}
		leaf := sha256.Sum256(append([]byte{0}, raw...))
		tile = append(tile, leaf[:]...)
	}
	return tileRows{tileRow(0, 0): tile}
}

func TestTreeGivesThePublishedRootsOfRFC6962(t *testing.T) {
	stored := knownTile(t)
	for size, want := range knownRoots {
		tree, err := ledger.OpenTree(uint64(size), stored.Tile)
		if err != nil || tree.Root() != fromHex(t, want) {
			t.Errorf("the root of %d is not the published one: %v", size, err)
		}
	}
}

func TestProofsAreThePublishedOnesOfRFC6962(t *testing.T) {
	stored := knownTile(t)
	for _, c := range knownConsistency {
		var want []ledger.Hash
		for _, text := range c.proof {
			want = append(want, fromHex(t, text))
		}
		got, err := ledger.ProveConsistency(stored, c.older, c.newer)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the proof from %d to %d is not the published one: %v", c.older, c.newer, err)
		}
		if err := ledger.CheckConsistency(c.older, fromHex(t, knownRoots[c.older]), c.newer, fromHex(t, knownRoots[c.newer]), want); err != nil {
			t.Errorf("the published proof from %d to %d was refused: %v", c.older, c.newer, err)
		}
	}
	path, err := ledger.Prove(stored, 5, 8)
	want := []ledger.Hash{fromHex(t, "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
		fromHex(t, "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"), fromHex(t, knownRoots[4])}
	if err != nil || !slices.Equal(path, want) {
		t.Errorf("the audit path of entry 5 of 8 is not the published one: %v", err)
	}
}

// checkTiles compares every stored tile with the hashes that RFC 6962's text gives, and says that none is missing.
func checkTiles(t *rapid.T, stored tileRows, leaves []ledger.Hash) {
	rows := 0
	hashes := leaves
	for level := 0; len(hashes) > 0; level++ {
		var above []ledger.Hash
		for first := 0; first < len(hashes); first += 256 {
			tile := hashes[first:min(first+256, len(hashes))]
			if rows++; !slices.Equal(stored[tileRow(level, uint64(first/256))], slices.Concat(bytesOf(tile)...)) {
				t.Fatalf("tile %d/%d of %d entries is wrong", level, first/256, len(leaves))
			}
			if len(tile) == 256 {
				above = append(above, naive(tile))
			}
		}
		hashes = above
	}
	if rows != len(stored) {
		t.Fatalf("%d tiles are stored where there are %d", len(stored), rows)
	}
}

func bytesOf(hashes []ledger.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

func TestTreeIsThatOfRFC6962HoweverItGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stored, tree := tileRows{}, &ledger.Tree{}
		var all []ledger.Record
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			batch := recordsFrom(len(all), rapid.SampledFrom([]int{0, 1, 2, 100, 255, 256, 257, 511, 513}).Draw(t, "size"))
			all = append(all, batch...)
			before, root := tree, tree.Root()
			tree = tree.Clone()
			stored.put(tree.Append(batch...))
			if before.Root() != root || before.Size() != uint64(len(all)-len(batch)) {
				t.Fatal("growing a clone changed what it was cloned from")
			}
			leaves := leavesOf(all)
			if tree.Size() != uint64(len(all)) || tree.Root() != naive(leaves) {
				t.Fatalf("the root of %d records is wrong", len(all))
			}
			checkTiles(t, stored, leaves)
			again, err := ledger.OpenTree(tree.Size(), stored.Tile)
			if err != nil || again.Root() != tree.Root() {
				t.Fatalf("the tree of %d records is not the one its tiles give: %v", len(all), err)
			}
			if rapid.Bool().Draw(t, "reopened") {
				tree = again
			}
		}
	})
}

// TestTreeOfThreeLevelsOfTiles crosses the place where a tile of the second level fills.
func TestTreeOfThreeLevelsOfTiles(t *testing.T) {
	all := recordsFrom(0, 65536+258)
	stored, tree := tileRows{}, &ledger.Tree{}
	for i := 0; i < len(all); i += 4099 {
		stored.put(tree.Append(all[i:min(i+4099, len(all))]...))
	}
	leaves := leavesOf(all)
	for _, size := range []int{65535, 65536, 65537, 65792, len(all)} {
		opened, err := ledger.OpenTree(uint64(size), stored.Tile)
		if err != nil || opened.Root() != naive(leaves[:size]) {
			t.Errorf("the tree of %d is not the one its tiles give: %v", size, err)
		}
		for _, index := range []int{0, 255, 256, 65535, size - 1} {
			if index >= size {
				continue
			}
			proof, err := ledger.Prove(stored, uint64(index), uint64(size))
			if err != nil || ledger.CheckInclusion(all[index], uint64(index), uint64(size), naive(leaves[:size]), proof) != nil {
				t.Errorf("entry %d of %d is not proven: %v", index, size, err)
			}
		}
	}
	if len(stored) != 258+2+1 {
		t.Errorf("%d tiles are stored", len(stored))
	}
}

func TestTreesAreNotOpenedOnTilesThatDoNotHoldThem(t *testing.T) {
	stored, tree := tileRows{}, &ledger.Tree{}
	stored.put(tree.Append(recordsFrom(0, 600)...))
	for _, row := range []string{tileRow(0, 2), tileRow(1, 0)} {
		for what, data := range map[string][]byte{"short": stored[row][:len(stored[row])-1], "empty": {}} {
			broken := stored.clone()
			broken[row] = data
			if _, err := ledger.OpenTree(600, broken.Tile); err == nil {
				t.Errorf("a tree was opened on a tile %s that is %s", row, what)
			}
		}
		missing := stored.clone()
		delete(missing, row)
		if _, err := ledger.OpenTree(600, missing.Tile); err == nil {
			t.Errorf("a tree was opened without tile %s", row)
		}
		for at := range stored[row] {
			flipped := stored.clone()
			flipped[row] = slices.Clone(stored[row])
			flipped[row][at] ^= 0x10
			opened, err := ledger.OpenTree(600, flipped.Tile)
			if err != nil || opened.Root() == tree.Root() {
				t.Fatalf("byte %d of tile %s makes no difference to the root: %v", at, row, err)
			}
		}
	}
	for _, size := range []uint64{1 << 62, 1 << 63, 1<<64 - 1} {
		if _, err := ledger.OpenTree(size, stored.Tile); err == nil {
			t.Errorf("a tree of %d was opened", size)
		}
	}
	if empty, err := ledger.OpenTree(0, tileRows{}.Tile); err != nil || fmt.Sprintf("%x", empty.Root()) != knownRoots[0] {
		t.Errorf("the empty tree was not opened: %v", err)
	}
}
