package disk

import (
	"math/rand/v2"
	"slices"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// node is what a name stands for. The disk's lock guards it.
type node struct {
	shown   []byte  // what readers see
	synced  []byte  // what a power cut leaves for sure
	waiting []write // since, in order

	shared             int // locks of SQLite
	pending            bool
	reserver, excluder *file
}

// write is one sector as it should be, or where data is nil a change of size.
type write struct {
	at   int64
	data []byte
	size int64
}

// apply does one write to content.
func (w write) apply(content []byte) []byte {
	if w.data == nil {
		return resize(content, w.size)
	}
	if end := w.at + int64(len(w.data)); end > int64(len(content)) {
		content = resize(content, end)
	}
	copy(content[w.at:], w.data)
	return content
}

// torn gives the write with only its first or its last part.
func (w write) torn(random *rand.Rand) write {
	if len(w.data) < 2 {
		return w
	}
	cut := 1 + random.IntN(len(w.data)-1)
	if random.IntN(2) == 0 {
		return write{at: w.at, data: w.data[:cut]}
	}
	return write{at: w.at + int64(cut), data: w.data[cut:]}
}

func resize(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		return content[:size]
	}
	was := len(content)
	content = slices.Grow(content, int(size)-was)[:size]
	clear(content[was:])
	return content
}

// write puts data into what is shown and lets its sectors wait.
func (n *node) write(data []byte, at int64, sector int) {
	n.shown = write{at: at, data: data}.apply(n.shown)
	end := at + int64(len(data))
	for start := at - at%int64(sector); start < end; start += int64(sector) {
		image := n.shown[start:min(start+int64(sector), int64(len(n.shown)))]
		n.waiting = append(n.waiting, write{at: start, data: slices.Clone(image)})
	}
}

func (n *node) truncate(size int64) {
	n.shown = resize(n.shown, size)
	n.waiting = append(n.waiting, write{size: size})
}

// sync makes what waits durable, or where it fails a part of it, and forgets the rest.
func (n *node) sync(keep func() bool) {
	for _, w := range n.waiting {
		if keep() {
			n.synced = w.apply(n.synced)
		}
	}
	n.waiting = nil
}

// afterCut gives the content after a power cut: of what waits each sector may be there, or not, or torn, and a file may have
// grown without its bytes.
func (n *node) afterCut(random *rand.Rand) []byte {
	content, keep := slices.Clone(n.synced), coin(random)
	for _, w := range n.waiting {
		kept, odd := keep(), w.data != nil && random.IntN(16) == 0
		switch {
		case !kept && odd:
			content = resize(content, max(int64(len(content)), w.at+int64(len(w.data))))
		case !kept:
		case odd:
			content = w.torn(random).apply(content)
		default:
			content = w.apply(content)
		}
	}
	return content
}

// lock takes a lock of SQLite for f, or is BUSY.
func (n *node) lock(f *file, level vfs.LockLevel) error {
	switch level {
	case vfs.LOCK_SHARED:
		if n.pending || n.excluder != nil {
			return sqlite3.BUSY
		}
		n.shared++
	case vfs.LOCK_RESERVED:
		if n.reserver != nil {
			return sqlite3.BUSY
		}
		n.reserver = f
	case vfs.LOCK_EXCLUSIVE:
		if n.reserver != nil && n.reserver != f {
			return sqlite3.BUSY
		}
		n.reserver, n.pending, f.level = f, true, vfs.LOCK_PENDING
		if n.shared > 1 {
			return sqlite3.BUSY
		}
		n.excluder = f
	}
	f.level = level
	return nil
}

// unlock goes down to a level.
func (n *node) unlock(f *file, level vfs.LockLevel) {
	if n.excluder == f {
		n.excluder = nil
	}
	if n.reserver == f {
		n.reserver, n.pending = nil, false
	}
	if level == vfs.LOCK_NONE && f.level >= vfs.LOCK_SHARED {
		n.shared--
	}
	f.level = level
}
