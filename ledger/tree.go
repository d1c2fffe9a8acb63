package ledger

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tileWidth is how many hashes a full tile holds.
const tileWidth = 256

// Tile is 1 to 256 hashes of one level, concatenated. A tile that is not full is written anew under the same place as it grows.
type Tile struct {
	Level int
	Index uint64
	Data  []byte
}

// Tree is the growing edge of the log: the hashes of each level that fill no tile yet. Its memory grows with the logarithm
// of the log. The zero Tree is empty. A Tree is used by one goroutine at a time.
type Tree struct {
	size uint64
	edge [][]Hash // by level, fewer than 256 each
}

// Size is how many records the tree holds.
func (t *Tree) Size() uint64 { return t.size }

// Clone gives a copy that grows by itself.
func (t *Tree) Clone() *Tree {
	c := &Tree{size: t.size, edge: make([][]Hash, len(t.edge))}
	for i, level := range t.edge {
		c.edge[i] = slices.Clone(level)
	}
	return c
}

// Append adds records and gives the tiles that changed, each as it stands now.
func (t *Tree) Append(records ...Record) []Tile {
	if len(records) == 0 {
		return nil
	}
	var changed []Tile
	top := 0 // the highest level that changed
	for _, record := range records {
		t.grow(record.Leaf(), func(level int, index uint64, hashes []Hash) {
			changed, top = append(changed, Tile{level, index, tileData(hashes)}), max(top, level+1)
		})
	}
	for level := range min(top+1, len(t.edge)) {
		if len(t.edge[level]) > 0 {
			changed = append(changed, Tile{level, t.tileIndex(level), tileData(t.edge[level])})
		}
	}
	return changed
}

// grow adds a leaf. Full is told of each tile that it fills, whose hashes stand until it returns.
func (t *Tree) grow(leaf Hash, full func(level int, index uint64, hashes []Hash)) {
	hash := leaf
	for level := 0; ; level++ {
		if level == len(t.edge) {
			t.edge = append(t.edge, make([]Hash, 0, tileWidth))
		}
		t.edge[level] = append(t.edge[level], hash)
		if len(t.edge[level]) < tileWidth {
			t.size++
			return
		}
		full(level, t.size>>(8*(level+1)), t.edge[level])
		hash = treeRoot(t.edge[level])
		t.edge[level] = t.edge[level][:0]
	}
}

// tileIndex is where the tile stands that a level's edge is.
func (t *Tree) tileIndex(level int) uint64 { return t.size >> (8 * level) / tileWidth }

func tileData(hashes []Hash) []byte {
	data := make([]byte, 0, 32*len(hashes))
	for _, hash := range hashes {
		data = append(data, hash[:]...)
	}
	return data
}

// Root is the tree's root; an empty tree has that of RFC 6962, the hash of nothing.
func (t *Tree) Root() Hash {
	var root Hash
	started := false
	for _, level := range t.edge {
		// What stands below is to the right of everything on this level.
		if len(level) == 0 {
			continue
		}
		root, started = joinRight(level, root, started), true
	}
	if !started {
		hash, _ := tlog.TreeHash(0, nil) // an empty tree reads nothing
		return Hash(hash)
	}
	return root
}

// joinRight gives the root over full hashes of one level with, at their right, the root of a smaller tree.
func joinRight(hashes []Hash, right Hash, has bool) Hash {
	// Complete subtrees from the left, as the bits of the count say, then joined from the right.
	var roots []Hash
	for rest := hashes; len(rest) > 0; {
		k := 1
		for k*2 <= len(rest) {
			k *= 2
		}
		roots, rest = append(roots, treeRoot(rest[:k])), rest[k:]
	}
	if has {
		roots = append(roots, right)
	}
	root := roots[len(roots)-1]
	for i := len(roots) - 2; i >= 0; i-- {
		root = node(roots[i], root)
	}
	return root
}

// OpenTree reads the edge of a tree of that size from its tiles. Whoever calls it compares the root with a checkpoint.
func OpenTree(size uint64, tile func(level int, index uint64) ([]byte, error)) (*Tree, error) {
	t := &Tree{size: size}
	if size >= 1<<62 {
		return nil, errors.New("open tree: the size is out of range")
	}
	for level := 0; size>>(8*level) > 0; level++ {
		count := size >> (8 * level)
		width := int(count % tileWidth)
		t.edge = append(t.edge, nil)
		if width == 0 {
			continue
		}
		data, err := tile(level, count/tileWidth)
		if err != nil {
			return nil, fmt.Errorf("open tree: %w", err)
		}
		if len(data) < 32*width {
			return nil, fmt.Errorf("open tree: tile %d/%d has not the %d hashes that it should", level, count/tileWidth, width)
		}
		for i := range width {
			t.edge[level] = append(t.edge[level], Hash(data[32*i:32*i+32]))
		}
	}
	return t, nil
}

// Tiles gives the hashes of a tile, as many as are stored: at least those that a tree of the size asked about has.
type Tiles interface {
	Tile(level int, index uint64) ([]byte, error)
}

// tileHashes reads single hashes of the tree out of tiles.
type tileHashes struct {
	tiles Tiles
	cache map[[2]uint64][]byte
}

// ReadHashes gives the hashes at the indexes of tlog's storage order.
func (h tileHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		// A hash of level L is the root over 2^(L mod 8) hashes of tile level L/8.
		width := int64(1) << (level % 8)
		first := n * width
		tile, err := h.tile(uint64(level/8), uint64(first/tileWidth))
		if err != nil {
			return nil, err
		}
		offset := first % tileWidth
		if int64(len(tile)) < 32*(offset+width) {
			return nil, fmt.Errorf("read hash: tile %d/%d is too short", level/8, first/tileWidth)
		}
		leaves := make([]Hash, width)
		for j := range leaves {
			leaves[j] = Hash(tile[32*(int(offset)+j):])
		}
		hashes[i] = tlog.Hash(treeRoot(leaves))
	}
	return hashes, nil
}

func (h tileHashes) tile(level, index uint64) ([]byte, error) {
	key := [2]uint64{level, index}
	if data, here := h.cache[key]; here {
		return data, nil
	}
	data, err := h.tiles.Tile(int(level), index)
	if err != nil {
		return nil, fmt.Errorf("read tile %d/%d: %w", level, index, err)
	}
	h.cache[key] = data
	return data, nil
}

// Prove gives the inclusion proof of the record at index in the tree of that size.
func Prove(tiles Tiles, index, size uint64) ([]Hash, error) {
	if index >= size || size >= 1<<62 {
		return nil, errors.New("prove inclusion: there is no such entry in a log of that size")
	}
	proof, err := tlog.ProveRecord(int64(size), int64(index), tileHashes{tiles, map[[2]uint64][]byte{}})
	if err != nil {
		return nil, fmt.Errorf("prove inclusion: %w", err)
	}
	return fromTlog(proof), nil
}

// CheckInclusion says whether the record stands at index in the tree of that size and root.
func CheckInclusion(record Record, index, size uint64, root Hash, proof []Hash) error {
	if index >= size || size >= 1<<62 {
		return errors.New("check inclusion: there is no such entry in a log of that size")
	}
	return tlog.CheckRecord(toTlog(proof), int64(size), tlog.Hash(root), int64(index), tlog.Hash(record.Leaf()))
}

// ProveConsistency gives the proof that the tree of size newer begins with the tree of size older.
func ProveConsistency(tiles Tiles, older, newer uint64) ([]Hash, error) {
	if older == 0 || older > newer || newer >= 1<<62 {
		return nil, errors.New("prove consistency: the sizes must be in order and not zero")
	}
	proof, err := tlog.ProveTree(int64(newer), int64(older), tileHashes{tiles, map[[2]uint64][]byte{}})
	if err != nil {
		return nil, fmt.Errorf("prove consistency: %w", err)
	}
	return fromTlog(proof), nil
}

// CheckConsistency says whether the newer tree begins with the older.
func CheckConsistency(older uint64, olderRoot Hash, newer uint64, newerRoot Hash, proof []Hash) error {
	if older == 0 || older > newer || newer >= 1<<62 {
		return errors.New("check consistency: the sizes must be in order and not zero")
	}
	return tlog.CheckTree(toTlog(proof), int64(newer), tlog.Hash(newerRoot), int64(older), tlog.Hash(olderRoot))
}

func fromTlog(hashes []tlog.Hash) []Hash {
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out
}

func toTlog(hashes []Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = tlog.Hash(h)
	}
	return out
}
