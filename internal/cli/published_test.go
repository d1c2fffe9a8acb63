package cli_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/note"

	"narthex"
	"narthex/ledger"
)

// writePublished puts three published ledgers into folders of the script: lab of 300 entries, older of its first 200, and other,
// which the lab signed too and which differs from lab from entry 150 on.
func writePublished(ts *testscript.TestScript, _ bool, _ []string) {
	for name, c := range map[string]struct {
		size  int
		other bool
	}{"lab": {300, false}, "older": {200, false}, "other": {300, true}} {
		l, err := newLog()
		ts.Check(err)
		for i := len(l.records); i < c.size; i++ {
			text := fmt.Sprint("ses_", i)
			if c.other && i >= 150 {
				text = "ses_other"
			}
			record, opening, err := ledger.Seal(narthex.Entry{Type: narthex.EntrySessionEnded, At: noon, Fields: []narthex.Field{narthex.TextField("person", adaID), narthex.TextField("session", text)}},
				sha256.Sum256(fmt.Append(nil, i)))
			ts.Check(err)
			l.records, l.openings = append(l.records, record), append(l.openings, opening)
		}
		ts.Check(l.publish(ts.MkAbs(name)))
	}
}

// publish writes the files of a published ledger.
func (l *log) publish(dir string) error {
	var tree ledger.Tree
	files := map[string][]byte{"key": []byte(l.key + "\n"), "openings/list": []byte("{\"openings\":[0]}\n")}
	for _, tile := range tree.Append(l.records...) {
		files[ledger.TilePath(strconv.Itoa(tile.Level), tile.Index, len(tile.Data)/32)] = tile.Data
	}
	for first := 0; first < len(l.records); first += 256 {
		var bundle []byte
		records := l.records[first:min(first+256, len(l.records))]
		for _, record := range records {
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(record))), record[:]...)
		}
		files[ledger.TilePath("entries", uint64(first/256), len(records))] = bundle
	}
	signer, err := note.NewSigner(l.secret)
	if err != nil {
		return err
	}
	checkpoint, err := ledger.SignCheckpoint(signer, tree.Size(), tree.Root())
	if err != nil {
		return err
	}
	files["checkpoint"] = []byte(checkpoint)
	if files["openings/0"], err = l.openings[0].MarshalJSON(); err != nil {
		return err
	}
	for path, data := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// startShelf serves the folder "shelf" of the script as a published ledger and sets SHELF to its address. Where the folder
// has a file "broken", the server breaks off what it answers from entry 256 on.
func startShelf(ts *testscript.TestScript, _ bool, _ []string) {
	dir := ts.MkAbs("shelf")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if path == "/ledger/openings" {
			path += "/list"
		}
		if _, err := os.Stat(filepath.Join(dir, "broken")); err == nil && path == "/ledger/tile/entries/001.p/44" {
			panic(http.ErrAbortHandler)
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	server.Config.ErrorLog = nil
	ts.Defer(server.Close)
	ts.Setenv("SHELF", server.URL+"/ledger")
}
