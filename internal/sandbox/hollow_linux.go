package sandbox

import (
	"io/fs"
	"syscall"
)

// hollow says whether a file has more than one name, or holes: fewer blocks than its size takes.
func hollow(info fs.FileInfo) bool {
	stat, is := info.Sys().(*syscall.Stat_t)
	return !is || stat.Nlink != 1 || stat.Blocks*512 < stat.Size
}
