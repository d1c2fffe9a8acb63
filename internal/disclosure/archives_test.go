package disclosure_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"testing"

	"narthex/internal/disclosure"
)

// packed gives files of kinds that hold other files, or more than they show, by what they are.
func packed(t *testing.T) map[string][]byte {
	t.Helper()
	noise := make([]byte, 300)
	draw := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(draw.Uint32())
	}
	with := func(write func(io.Writer) error) []byte {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	zipped := func(name string, data []byte) []byte {
		return with(func(w io.Writer) error {
			z := zip.NewWriter(w)
			f, err := z.Create(name)
			if err == nil {
				_, err = f.Write(data)
			}
			if err == nil {
				err = z.Close()
			}
			return err
		})
	}
	one := zipped("canary.txt", []byte("canary"))
	locked := bytes.Clone(one)
	locked[6] |= 1 // its first file says that it is encrypted
	picture := with(func(w io.Writer) error { return png.Encode(w, image.NewGray(image.Rect(0, 0, 4, 4))) })
	header := []byte(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`)
	safetensors := append(append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...), 1, 2, 3, 4)
	all := map[string][]byte{
		"gzip":          with(func(w io.Writer) error { z := gzip.NewWriter(w); _, err := z.Write(noise); z.Close(); return err }),
		"zip":           one,
		"zip in zip":    zipped("inner.zip", one),
		"encrypted zip": locked,
		"tar": with(func(w io.Writer) error {
			z := tar.NewWriter(w)
			err := z.WriteHeader(&tar.Header{Name: "canary", Size: 300})
			z.Write(noise)
			z.Close()
			return err
		}),
		"7z":               append([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), noise...),
		"zstd":             append([]byte("\x28\xb5\x2f\xfd\x04\x00"), noise...),
		"xz":               append([]byte("\xfd7zXZ\x00\x00\x04"), noise...),
		"bzip2":            append([]byte("BZh91AY&SY"), noise...),
		"docx":             zipped("word/document.xml", []byte("<w:document/>")),
		"pdf":              append([]byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</EmbeddedFiles 2 0 R/JS(app.alert)>>\nstream\n"), noise...),
		"parquet":          append(append([]byte("PAR1"), noise...), "PAR1"...),
		"pickle":           []byte("\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94(X\x01\x00\x00\x00a\x94K\x01u."),
		"safetensors":      safetensors,
		"gif":              append([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"), noise...),
		"pdf and zip":      append([]byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), one...),
		"png and zip":      append(bytes.Clone(picture), one...),
		"gif and script":   append([]byte("GIF89a/*\x00\x00*/=1;alert(1)//"), noise...),
		"safetensors, zip": append(bytes.Clone(safetensors), one...),
		"parquet and html": append(append([]byte("PAR1<html><script>x</script>"), noise...), "PAR1"...),
	}
	if _, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(all["bzip2"]))); err == nil {
		t.Error("the noise reads")
	}
	return all
}

// TestWhatHoldsOtherFilesHasNoForm: archives, documents, and two formats in one file are no output of any kind, by whatever suffix they go.
func TestWhatHoldsOtherFilesHasNoForm(t *testing.T) {
	for name, data := range packed(t) {
		for _, kind := range []disclosure.Kind{disclosure.Text, disclosure.Markdown, disclosure.CSV, disclosure.JSON, disclosure.PNG} {
			if form, err := disclosure.Canonical(kind, data, disclosure.Standard()); err == nil {
				t.Errorf("%s as %s has the form %.60q", name, kind, form)
			}
		}
	}
}
