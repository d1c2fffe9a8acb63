package courier_test

import (
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"narthex"
	"narthex/internal/courier"
)

// TestASignatureIsThatOfTheConvention: the vector is worked out by hand with openssl, from the key, identifier, time and body below.
func TestASignatureIsThatOfTheConvention(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := courier.Sign(narthex.NewSecret(string(key)), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("it is %s", got)
	}
}

// TestANameThatIsFoundAtLoopbackIsNotGoneTo: no connection is made, for the name does not say that it means this machine.
func TestANameThatIsFoundAtLoopbackIsNotGoneTo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	came := make(chan struct{}, 8)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			came <- struct{}{}
			conn.Close()
		}
	}()
	_, port, _ := strings.Cut(listener.Addr().String(), ":")
	file := secret(t, "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	hook := func(url string) string {
		return word(channel(t, "chat", "webhooks:\n- {name: chat, url: '"+url+"', secret_file: '"+file+"'}\n").Carry(t.Context(), parcel("")))
	}
	if got := hook("https://localhost:" + port); got != "unreachable" || len(came) != 0 {
		t.Errorf("a name: %q, with %d connections", got, len(came))
	}
	if got := hook("https://127.0.0.1:" + port); got != "unreachable" {
		t.Errorf("a number: %q", got)
	}
	select {
	case <-came: // the number was gone to: the test can fail
	case <-time.After(10 * time.Second):
		t.Error("the number was not gone to")
	}
}
