#!/bin/sh
# Fuzzes every target of every package for the time given, one after the other.
set -eu
time=${1:-20s}
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
	for target in $(grep -h '^func Fuzz' "$package"/*_test.go | sed 's/func \(Fuzz[A-Za-z0-9]*\).*/\1/'); do
		echo "fuzz $package $target $time"
		go test -run xxx -fuzz "^$target\$" -fuzztime "$time" "$package" >/tmp/narthex-fuzz.$$ 2>&1 || { cat /tmp/narthex-fuzz.$$; rm -f /tmp/narthex-fuzz.$$; exit 1; }
		rm -f /tmp/narthex-fuzz.$$
	done
done
