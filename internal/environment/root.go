package environment

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"narthex"
)

// seen is what of a root jobs see; the rest of it is nobody's concern.
var seen = [...]string{"usr", "etc/alternatives"}

// ReadRoot reads every file and link of what jobs see of a root, which takes as long as its bytes take. Digest is narthex.RootDigest. It
// refuses, with an Invalid error, a root without usr or one that cannot be read, a link in the place of a folder that jobs see, a link that
// climbs above the root, more than MostFiles, and anything but files, folders and links. It ends with the context's error.
func ReadRoot(ctx context.Context, dir string) (Folder, error) {
	var files []narthex.RootFile
	var total int64
	err := walkRoot(ctx, dir, func(root *os.Root, name string, entry fs.DirEntry) error {
		file := narthex.RootFile{Path: name}
		if entry.Type() == fs.ModeSymlink {
			target, err := root.Readlink(name)
			file.Link = target
			files = append(files, file)
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		digest, size, err := digestOf(ctx, root, name)
		file.Digest, file.Program = digest, info.Mode()&0o111 != 0
		files, total = append(files, file), total+size
		return err
	})
	if err != nil {
		return Folder{}, err
	}
	digest, err := narthex.RootDigest(files)
	if err != nil {
		return Folder{}, err
	}
	return Folder{Digest: digest, Files: len(files), Bytes: total}, nil
}

// MarkRoot gives a text that is another one when anybody wrote to what jobs see of a root, without reading its bytes: it is made of each
// file's place on the disk, its size and its times, of which the last is the kernel's own. It does not see what happens below the file system.
func MarkRoot(ctx context.Context, dir string) (string, error) {
	sum := sha256.New()
	err := walkRoot(ctx, dir, func(_ *os.Root, name string, entry fs.DirEntry) error {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat, is := info.Sys().(*syscall.Stat_t)
		if !is {
			return errors.New("the file system says nothing of a file's place")
		}
		fmt.Fprintln(sum, name, stat.Dev, stat.Ino, stat.Mode, stat.Size, stat.Mtim.Nano(), stat.Ctim.Nano())
		return nil
	})
	return string(sum.Sum(nil)), err
}

// walkRoot visits every file and link of what jobs see of a root.
func walkRoot(ctx context.Context, dir string, visit func(root *os.Root, name string, entry fs.DirEntry) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return narthex.Invalidf("The root cannot be opened; check its path, and that the node may read it.").Because(err)
	}
	defer root.Close()
	files := 0
	for _, below := range seen {
		if err := folderAt(root, below); err != nil {
			if errors.Is(err, fs.ErrNotExist) && below != "usr" {
				continue
			}
			return narthex.Invalidf("The root has no folder %s of its own; jobs see that one, and no link in its place.", below).Because(err)
		}
		err = fs.WalkDir(root.FS(), below, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil || ctx.Err() != nil:
				return errors.Join(err, ctx.Err())
			case entry.IsDir():
				return nil
			case !entry.Type().IsRegular() && entry.Type() != fs.ModeSymlink:
				return narthex.Invalidf("The root holds something that is no file, folder or link, such as a device; take it out.")
			case files == MostFiles:
				return narthex.Invalidf("The root holds more than %d files; leave out what no job needs.", MostFiles)
			}
			files++
			return visit(root, name, entry)
		})
		var ours *narthex.Error
		if err != nil && ctx.Err() == nil && !errors.As(err, &ours) {
			err = narthex.Invalidf("A file of the root cannot be read; check that the node may read all of it.").Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// folderAt says whether a path is folders all the way, and no link.
func folderAt(root *os.Root, name string) error {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		info, err := root.Lstat(name[:i])
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is no folder", name[:i])
		}
	}
	return nil
}
