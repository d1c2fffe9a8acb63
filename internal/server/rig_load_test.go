package server_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"narthex/internal/testenv"
	"narthex/internal/testenv/rig"
)

// mostResident is how much memory a node has under hostile load, in bytes.
const mostResident = 512 << 20

// siege is hostile load on a node of which somebody honest makes calls.
type siege struct {
	address, key string
	over         chan struct{}
	closed       atomic.Int64 // slow connections that the node ended
	named        atomic.Int64 // requests that named something new
	bodies       atomic.Int64 // bodies that were too large, too deep, coded or without end
}

// TestRigHostileLoadIsBounded besieges a node in a process of its own: connections that send a byte now and then, readers that do not read,
// names without number in paths, models, credentials and headers, and bodies that are too large, nested, packed and endless. No honest call
// fails, the node ends each slow connection, and its memory stays within 512 MB. The short form holds 1,000 connections and sends 5,000
// names; NARTHEX_RIG=long holds 10,000 and sends a million. What it does to the time of a call is told, and not held to.
func TestRigHostileLoadIsBounded(t *testing.T) {
	_, connections := rig.Begin(t, "./internal/server", 1000, 10_000)
	names := int64(5 * connections)
	if connections == 10_000 {
		names = 1_000_000
	}
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e9, nil))
	e.Outsiders(t, "-2", "Another")
	_, theirs := e.Grant(t, "-2", testenv.Tokens(1e6, nil))
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	node := spawn(t, filepath.Join(e.Dir, "data"), "")
	node.client.Timeout = 2 * time.Minute
	honest := func(stop func() bool) (times []time.Duration, failed int) {
		for !stop() {
			began := time.Now()
			if call, _ := node.call(key); call == "" {
				failed++
			}
			times = append(times, time.Since(began))
			time.Sleep(5 * time.Millisecond)
		}
		slices.Sort(times)
		return times, failed
	}
	n := 0
	idle, failed := honest(func() bool { n++; return n > 200 })
	if failed > 0 {
		t.Fatalf("%d calls fail without load", failed)
	}
	s := &siege{address: strings.TrimPrefix(node.base, "http://"), key: theirs, over: make(chan struct{})}
	var besieging sync.WaitGroup
	for range connections {
		besieging.Go(s.dribble)
	}
	for range 8 {
		besieging.Go(s.name)
	}
	for _, body := range hugeBodies(theirs) {
		besieging.Go(func() { s.send(body) })
	}
	besieging.Go(s.neverRead)
	most := int64(0)
	began := time.Now()
	loaded, failed := honest(func() bool {
		most = max(most, resident(t, node))
		return time.Since(began) > 12*time.Second && s.named.Load() >= names && s.closed.Load() >= int64(connections)
	})
	close(s.over)
	besieging.Wait()
	if failed > 0 {
		t.Errorf("%d of %d honest calls failed", failed, len(loaded))
	}
	if most > mostResident {
		t.Errorf("the node took %d MB of memory", most>>20)
	}
	if s.bodies.Load() < 50 {
		t.Errorf("only %d bodies were sent", s.bodies.Load())
	}
	if again, failed := honest(func() bool { n--; return n < 150 }); failed > 0 {
		t.Errorf("afterwards %d of %d calls fail", failed, len(again))
	}
	p99 := func(times []time.Duration) time.Duration { return times[len(times)*99/100] }
	t.Logf("%d honest calls, p99 %s idle and %s under load (%.1f times); at most %d MB; %d slow connections ended by the node, %d names, %d bodies in %s",
		len(loaded), p99(idle).Round(time.Microsecond), p99(loaded).Round(time.Microsecond), p99(loaded).Seconds()/p99(idle).Seconds(), most>>20, s.closed.Load(), s.named.Load(), s.bodies.Load(), time.Since(began).Round(time.Second))
	node.kill()
	e.Start(t)
}

// resident is the memory of a node's process, in bytes.
func resident(t *testing.T, node *process) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", node.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// ended says whether the siege is over.
func (s *siege) ended() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// dribble opens connections, one after the other, and sends a byte of a request a second.
func (s *siege) dribble() {
	const request = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for !s.ended() {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		gone := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, conn) // until the node ends it, or the siege
			close(gone)
		}()
		for at, open := 0, true; open; at++ {
			select {
			case <-gone:
				s.closed.Add(1)
				open = false
			case <-s.over:
				open = false
			case <-time.After(time.Second):
				_, _ = conn.Write([]byte{request[at%len(request)]})
			}
		}
		_ = conn.Close()
		<-gone
	}
}

// name asks for what has another name each time, in each place that takes one.
func (s *siege) name() {
	c := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer c.CloseIdleConnections()
	for !s.ended() {
		n := s.named.Add(1)
		name := fmt.Sprintf("n%x", n*0x9E3779B97F4A7C)
		method, path, credential, body := http.MethodPost, "/v1/chat/completions", s.key, strings.Replace(testenv.Hello, `"model":"model"`, `"model":"`+name+`"`, 1)
		switch n % 5 {
		case 1:
			method, path = http.MethodGet, "/"+name
		case 2:
			credential = "nrx_" + name
		case 3:
			method, path = http.MethodGet, "/v1/jobs/"+name
		case 4:
			body = `{"` + name + `":1}`
		}
		request, err := http.NewRequest(method, "http://"+s.address+path, strings.NewReader(body))
		if err != nil {
			continue
		}
		request.Header.Set("Authorization", "Bearer "+credential)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-"+name, name)
		if answer, err := c.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
	}
}

// hugeBodies are requests that are more than a node should hold: as much of each is sent as is taken.
func hugeBodies(key string) []string {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 64<<20))
	_ = w.Close()
	var keys strings.Builder
	for n := range 50_000 {
		fmt.Fprintf(&keys, "\"k%d\":1,", n)
	}
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\n"
	length := func(body string, more string) string {
		return head + more + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	return []string{
		length(strings.Repeat("[", 200_000), ""),
		length("{"+keys.String()+`"model":"model"}`, ""),
		length(`{"model":"`+strings.Repeat(`\\`, 200_000)+`"}`, ""),
		length(`{"model":"`+strings.Repeat("m", 10<<20)+`"}`, ""),
		head + "Content-Length: 104857600\r\n\r\n" + strings.Repeat(" ", 1<<20),
		head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n", 64),
		length(bomb.String(), "Content-Encoding: gzip\r\n"),
		length(`{"model":"model","max_tokens":`+strings.Repeat("9", 1<<20)+`}`, ""),
		strings.Replace(head, "\r\n\r\n", "", 1) + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 100) + "\r\n",
	}
}

// send sends a request again and again, each on a connection of its own.
func (s *siege) send(request string) {
	for !s.ended() {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, request) // it is cut
		_, _ = io.CopyN(io.Discard, conn, 1<<16)
		_ = conn.Close()
		s.bodies.Add(1)
	}
}

// neverRead asks for answers and reads none of them.
func (s *siege) neverRead() {
	for !s.ended() {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		for range 200 {
			if _, err := io.WriteString(conn, "GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\n\r\n"); err != nil {
				break
			}
		}
		select {
		case <-s.over:
		case <-time.After(2 * time.Second):
		}
		_ = conn.Close()
	}
}

// TestANodeThatRunsOutOfDescriptorsServesOn: a node that can open nothing more answers nobody new, and serves again by itself when it can;
// what it acknowledged is there.
func TestANodeThatRunsOutOfDescriptorsServesOn(t *testing.T) {
	e := testenv.New(t, testenv.Options{})
	_, key := e.Grant(t, "", testenv.Tokens(1e6, nil))
	if err := e.Node.Close(); err != nil {
		t.Fatal(err)
	}
	node := spawn(t, filepath.Join(e.Dir, "data"), "")
	if call, _ := node.call(key); call == "" {
		t.Fatal("it does not serve")
	}
	held, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", node.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: uint64(len(held) + 8), Max: uint64(len(held) + 8)}
	if err := unix.Prlimit(node.command.Process.Pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	var open []net.Conn
	for range 64 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(node.base, "http://"))
		if err != nil {
			break
		}
		open = append(open, conn)
	}
	node.client.CloseIdleConnections()
	node.client.Timeout = time.Second
	served := 0
	for range 3 {
		if call, _ := node.call(key); call != "" {
			served++
		}
	}
	if served == 3 {
		t.Errorf("with %d connections it has descriptors left: the test takes too few", len(open))
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	node.client.Timeout = time.Minute
	until(t, "it serves again", func() bool { call, _ := node.call(key); return call != "" })
	node.kill()
	e.Start(t)
	waitClosed(t, e)
	if b := budget(t, e, key); b.Reserved != 0 || b.Used == 0 {
		t.Errorf("the budget stands at %+v", b)
	}
}
