// Command narthex-worker executes SQL for a node, confined. It is a program of its own because DuckDB is C++ that reads what strangers
// wrote: whatever happens in it happens in a sandbox without a network, with a read-only file that holds nothing but what one grant may
// see, and its answers are held to internal/engine by whoever reads them.
//
//	narthex-worker build FOLDER FILE                makes a session's file of what lies below a folder, as standard input says
//	narthex-worker session FILE MEMORY_MB THREADS   answers questions on standard input until it closes
//
// It trusts the file, which a node made. It does not trust the questions: a tree is executed only if the text that is made of it is read
// as that tree again, and the database can change no setting, open no file and load nothing once it is open.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"narthex/internal/engine"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "narthex-worker:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 3 && args[0] == "build" {
		rows, err := build(in, args[1], args[2])
		if err != nil {
			return err
		}
		return engine.WriteFrame(out, rows)
	}
	if len(args) != 4 || args[0] != "session" {
		return errors.New("it is started by a node, and not by people: narthex-worker build FOLDER FILE, or session FILE MEMORY_MB THREADS")
	}
	memory, err := strconv.ParseUint(args[2], 10, 24)
	if err != nil || memory == 0 {
		return errors.New("the memory is a number of megabytes, above zero")
	}
	threads, err := strconv.ParseUint(args[3], 10, 10)
	if err != nil || threads == 0 {
		return errors.New("the threads are a number, above zero")
	}
	s, err := open(context.Background(), args[1], memory, threads)
	if err != nil {
		return err
	}
	defer s.close()
	return serve(s, in, out)
}

// serve answers questions until there are no more.
func serve(s *session, in io.Reader, out io.Writer) error {
	for {
		ask, err := engine.ReadFrame[engine.Ask](in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("what was asked breaks the form of questions")
		}
		w := bufio.NewWriterSize(out, 64<<10)
		if err := s.answer(ask, func(a engine.Answer) error { return engine.WriteFrame(w, a) }); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}
