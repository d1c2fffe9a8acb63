package minilab_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"narthex/demo/minilab"
)

// TestTheWeightsAreThoseThatWereTrained: what is unpacked is what training wrote, and packing it again gives what is kept.
func TestTheWeightsAreThoseThatWereTrained(t *testing.T) {
	for _, c := range []struct{ checkpoint, step, digest string }{
		{"early", "step-00282", "68dbadbaed9de99aebda206e9f55cbdb16270d4f82e2dbdd7f82c5ecb6575fd6"},
		{"middle", "step-01108", "d1de955f796f9a3ae2dd3a4f277bfb493751ae07df1558488aad0a4b27e6dfb7"},
		{"final", "step-03122", "a94a52f3cc859aea6240edad254eefca8cacbee333fb8ba5be548b59bfc0fccd"},
	} {
		file, err := minilab.WeightsFile(c.checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != c.digest {
			t.Errorf("%s has the digest %x, want %s", c.checkpoint, sum, c.digest)
		}
		kept, err := os.ReadFile(filepath.Join("data/weights/minim-1", c.step, "model.packed"))
		if err != nil {
			t.Fatal(err)
		}
		if packed, err := minilab.Pack(file); err != nil || !bytes.Equal(packed, kept) {
			t.Errorf("%s packs to other bytes than those kept (%v): if the toolchain is another one, unpack and pack it again with demo/minilab/pack", c.checkpoint, err)
		}
		files, err := minilab.Checkpoint(c.checkpoint)
		if err != nil || len(files) != 2 || !bytes.Equal(files["model.safetensors"], file) || len(files["config.json"]) == 0 {
			t.Errorf("%s has %d files: %v", c.checkpoint, len(files), err)
		}
	}
	for _, none := range []string{"", "last", "step-00282", "../minim-1/step-00282"} {
		if _, err := minilab.WeightsFile(none); err == nil {
			t.Errorf("there is a checkpoint %q", none)
		}
		if _, err := minilab.Checkpoint(none); err == nil {
			t.Errorf("there is a folder of %q", none)
		}
	}
}

func TestAnyFileIsUnpackedAsItWasPacked(t *testing.T) {
	for length := range 300 {
		file := make([]byte, length)
		for i := range file {
			file[i] = byte(i*i + length)
		}
		packed, err := minilab.Pack(file)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := minilab.Unpack(packed); err != nil || !bytes.Equal(back, file) {
			t.Errorf("a file of %d bytes came back as %d others: %v", length, len(back), err)
		}
	}
	if _, err := minilab.Pack(make([]byte, 1<<26+1)); err == nil {
		t.Error("a file larger than can be unpacked was packed")
	}
}

func TestADamagedPackedFileIsRefused(t *testing.T) {
	packed, err := minilab.Pack([]byte("the whole file, which is short"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range packed {
		if _, err := minilab.Unpack(packed[:i]); err == nil {
			t.Errorf("a file that is cut after %d bytes was unpacked", i)
		}
	}
	for i := range 8 + 8 + sha256.Size {
		damaged := bytes.Clone(packed)
		damaged[i] ^= 1
		if _, err := minilab.Unpack(damaged); err == nil {
			t.Errorf("a header with another byte %d was unpacked", i)
		}
	}
	of := func(length uint64) []byte {
		return append(binary.LittleEndian.AppendUint64(bytes.Clone(packed[:8]), length), packed[16:]...)
	}
	// A file that holds the bytes of another, with the first one's length and digest.
	other, err := minilab.Pack([]byte("the whole file, which is shorT"))
	if err != nil {
		t.Fatal(err)
	}
	// A stream that goes on after the length stated, with the digest of what comes before.
	longer := of(0)
	empty := sha256.Sum256(nil)
	copy(longer[16:], empty[:])
	for name, damaged := range map[string][]byte{
		"longer": append(bytes.Clone(packed), 0), "of no length": of(0), "of too great a length": of(1 << 62), "with another's stream": append(bytes.Clone(packed[:48]), other[48:]...), "with a longer stream": longer,
	} {
		if _, err := minilab.Unpack(damaged); err == nil {
			t.Errorf("a file that is %s was unpacked", name)
		}
	}
}
