package environment

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"narthex"
)

// MostFiles is how many files a folder has at most.
const MostFiles = 100_000

// Folder is what a folder holds.
type Folder struct {
	Digest narthex.Digest `json:"digest"` // narthex.FolderDigest of its files
	Files  int            `json:"files"`  // 1 to MostFiles
	Bytes  int64          `json:"bytes"`
}

// ReadFolder reads every file of a folder, which takes as long as its bytes take. Folders in it count by their files alone. It refuses,
// with an Invalid error, a folder that cannot be read or holds no file, more than MostFiles, or anything but plain files and folders.
// It ends with the context's error.
func ReadFolder(ctx context.Context, dir string) (Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Folder{}, narthex.Invalidf("The folder cannot be opened; check its path, and that you may read it.").Because(err)
	}
	defer root.Close()
	var files []narthex.FolderFile
	var total int64
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return narthex.Invalidf("The folder holds something that is neither a plain file nor a folder, such as a link; take it out.")
		case len(files) == MostFiles:
			return narthex.Invalidf("The folder holds more than %d files; pack some of them together.", MostFiles)
		}
		digest, size, err := digestOf(ctx, root, name)
		files, total = append(files, narthex.FolderFile{Path: name, Digest: digest}), total+size
		return err
	})
	var ours *narthex.Error
	if err != nil && ctx.Err() == nil && !errors.As(err, &ours) {
		err = narthex.Invalidf("A file of the folder cannot be read; check that you may read all of it.").Because(err)
	}
	if err != nil {
		return Folder{}, err
	}
	digest, err := narthex.FolderDigest(files)
	if err != nil {
		return Folder{}, err
	}
	return Folder{Digest: digest, Files: len(files), Bytes: total}, nil
}

// digestOf reads one file. It is looked at again once it is open, for it could have been a plain file only until then.
func digestOf(ctx context.Context, root *os.Root, name string) (narthex.Digest, int64, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|noWait, 0)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return "", 0, err
	}
	if !before.Mode().IsRegular() {
		return "", 0, narthex.Invalidf("The folder changed while it was read; keep others from writing to it.")
	}
	sum := sha256.New()
	size, err := io.Copy(sum, &until{ctx, file})
	if err != nil {
		return "", 0, err
	}
	if after, err := file.Stat(); err != nil || size != before.Size() || after.Size() != size || !after.ModTime().Equal(before.ModTime()) {
		return "", 0, narthex.Invalidf("A file of the folder changed while it was read; keep others from writing to it.").Because(err)
	}
	return narthex.MakeDigest([32]byte(sum.Sum(nil))), size, nil
}

// noWait keeps the opening of a pipe, which could take a file's place, from waiting for whoever writes to it.
const noWait = syscall.O_NONBLOCK

// until reads until a context ends.
type until struct {
	ctx context.Context
	in  io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.in.Read(p)
}
