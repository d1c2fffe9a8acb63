package debian

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"narthex"
)

// lay lays packages into a new folder, and makes links.
func lay(ctx context.Context, dir string, files []string, links map[string]string) error {
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, file := range files {
		if err := layOne(ctx, root, file); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if err := folders(root, path.Dir(name)); err != nil {
			return err
		}
		if err := root.Symlink(links[name], name); err != nil {
			return narthex.Invalidf("The link %s cannot be made: something is there, or no folder. Take it out of the links.", name).For("debian.links").Because(err)
		}
	}
	return nil
}

// layOne lays the files of one package.
func layOne(ctx context.Context, root *os.Root, file string) (err error) {
	run := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", file)
	out, err := run.StdoutPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		return err
	}
	defer func() {
		_ = out.Close() // dpkg-deb ends, where it has not
		if ended := run.Wait(); err == nil && ended != nil {
			err = narthex.Invalidf("The package does not read to its end; fetch it again.").Because(ended)
		}
	}()
	for archive := tar.NewReader(out); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, out)
			return err
		}
		if err != nil {
			return narthex.Invalidf("The package does not read; fetch it again.").Because(err)
		}
		if err := layFile(root, header, archive); err != nil {
			return err
		}
	}
}

// layFile lays one file. What no job sees is left out.
func layFile(root *os.Root, header *tar.Header, data io.Reader) error {
	name, kept := placeOf(header.Name)
	if !kept {
		return nil
	}
	if !narthex.AbsolutePath("/" + name) {
		return narthex.Invalidf("The package has a file whose name is not printable or not plain; leave the package out.")
	}
	if header.Typeflag == tar.TypeDir {
		return folders(root, name)
	}
	if err := folders(root, path.Dir(name)); err != nil {
		return err
	}
	var err error
	switch header.Typeflag {
	case tar.TypeReg:
		err = write(root, name, header.FileInfo().Mode(), data)
	case tar.TypeSymlink:
		if !narthex.LinkStays(name, header.Linkname) {
			return narthex.Invalidf("The package has a link that points above its root; leave the package out.")
		}
		err = root.Symlink(header.Linkname, name)
	case tar.TypeLink:
		other, kept := placeOf(header.Linkname)
		if !kept {
			return narthex.Invalidf("The package has a file whose bytes are those of one that no job sees; leave the package out.")
		}
		err = root.Link(other, name)
	default:
		return narthex.Invalidf("The package has something that is no file, folder or link, such as a device; leave it out.")
	}
	if errors.Is(err, fs.ErrExist) {
		return narthex.Conflictf("The package brings /%s, which another package brought. Leave one of them out.", name)
	}
	return err
}

// placeOf gives where a file of a package lies in a root, and whether it is kept. What packages have in /bin, /lib and their like lies below
// /usr, as on any Debian.
func placeOf(name string) (string, bool) {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	first, _, _ := strings.Cut(name, "/")
	if slices.Contains([]string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}, first) {
		name = "usr/" + name
	}
	return name, name == "usr" || strings.HasPrefix(name, "usr/") || strings.HasPrefix(name, "etc/alternatives/")
}

// folders makes a folder and those above it, open to everyone whatever the builder's habits.
func folders(root *os.Root, name string) error {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		err := root.Mkdir(name[:i], 0o755)
		switch {
		case err == nil:
			err = root.Chmod(name[:i], 0o755)
		case errors.Is(err, fs.ErrExist):
			var info fs.FileInfo
			if info, err = root.Stat(name[:i]); err == nil && !info.IsDir() {
				err = narthex.Conflictf("/%s is a folder in one package and none in another. Leave one of them out.", name[:i])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes one file, readable for everyone; a program is one for everyone.
func write(root *os.Root, name string, mode fs.FileMode, data io.Reader) (err error) {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, data); err != nil {
		return err
	}
	if mode&0o111 != 0 {
		return f.Chmod(0o755)
	}
	return f.Chmod(0o644)
}
