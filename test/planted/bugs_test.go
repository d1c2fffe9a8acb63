package planted_test

// bugs are the mistakes. Each is one that was made elsewhere, in the form that it could have here.
var bugs = []bug{
	{
		name: "leaf-told-and-not-compared", class: "A", what: "an export's line states one leaf and another goes into the tree",
		file: "ledger/verify.go", old: `if !bytes.Equal(hash[:], leaf) {`, new: `if len(hash) != len(leaf) {`,
		rig: "TestRigTamper", in: "ledger", says: "is not found",
	},
	{
		name: "base64-of-many-forms", class: "B", what: "the same bytes may be written in more than one way",
		file: "ledger/form.go", old: `var strict = base64.StdEncoding.Strict()`, new: `var strict = base64.StdEncoding`,
		rig: "TestRigTamper", in: "ledger", says: "is not found",
	},
	{
		name: "commits-not-synced", class: "C", what: "the database acknowledges what is not on the disk",
		file: "internal/store/sqlite/sqlite.go", old: `synchronous(full)`, new: `synchronous(normal)`,
		rig: "TestRigPowerCut", in: "internal/journal", says: "are lost",
	},
	{
		name: "failed-sync-passed-over", class: "C", what: "a commit stands although a sync of it failed",
		file: "internal/store/sqlite/tx.go", old: `errors.Join(s.exec(ctx, "COMMIT"), s.unsynced())`, new: `s.exec(ctx, "COMMIT")`,
		rig: "TestRigFailedSync", in: "internal/journal", says: "were acknowledged after a sync had failed",
	},
	{
		name: "failed-write-passed-over", class: "C", what: "an entry is committed whose opening the store refused",
		file: "internal/journal/commit.go", old: `return errors.Join(s.Put(store.Entries, key, records), s.Put(store.Openings, key, encodeOpenings(b.openings)))`,
		new: "_ = s.Put(store.Openings, key, encodeOpenings(b.openings))\n\treturn s.Put(store.Entries, key, records)",
		rig: "TestRigFaultsByNumber/sqlite", in: "internal/server", says: "is not recorded",
	},
	{
		name: "served-and-not-recorded", class: "C", what: "an answer goes out although its outcome could not be recorded",
		file: "internal/gateway/serve.go", old: "if err := s.settle(\"served\", usage, out); err != nil {\n\t\treturn err\n\t}\n\ts.v.w.Header()", new: "_ = s.settle(\"served\", usage, out)\n\ts.v.w.Header()",
		rig: "TestRigFaultsByNumber/sqlite", in: "internal/server", says: "is not recorded",
	},
	{
		name: "unknown-use-is-free", class: "C", what: "a call of which nobody knows what it took costs nothing",
		file: "budget.go", old: "if used < 0 || used > n {\n\t\tused = n", new: "if used < 0 || used > n {\n\t\tused = 0",
		rig: "TestRigHistoriesAreLinearizable/sqlite", in: "internal/server", says: "explains what was seen",
	},
	{
		name: "postgres-does-not-wait-for-the-disk", class: "C", what: "PostgreSQL acknowledges what is not on the disk",
		file: "internal/store/postgres/tx.go", old: `config.RuntimeParams["synchronous_commit"] = "on"`, new: `config.RuntimeParams["synchronous_commit"] = "off"`,
		rig: "TestRigPostgresKilled", in: "internal/journal", says: "was acknowledged and is not there",
	},
	{
		name: "lock-behind-a-memory", class: "D", what: "that there is no lock is remembered after one was set",
		file: "internal/journal/commit.go", old: "for key, row := range b.rows {\n", new: "for key, row := range b.rows {\n\t\tif key.table == store.Locks {\n\t\t\tcontinue\n\t\t}\n",
		rig: "TestRigHistoriesAreLinearizable/sqlite", in: "internal/server", says: "explains what was seen|row_differs in locks",
	},
	{
		name: "old-state-after-a-doubt", class: "D", what: "the writer goes on from the state before a commit that was in doubt and stands",
		file: "internal/journal/commit.go", old: "head.Batch == next.head.Batch {\n\t\tj.swap(b, next)\n", new: "head.Batch == next.head.Batch {\n",
		rig: "TestRigPostgresCommitCut", in: "internal/journal", says: "changes were acknowledged and",
	},
	{
		name: "erased-and-still-in-the-file", class: "D", what: "what was erased stays in the room that a page does not use",
		file: "internal/store/sqlite/scrub.go", old: `s.writer.ExecContext(ctx, "VACUUM")`, new: `s.writer.ExecContext(ctx, "SELECT 1")`,
		rig: "TestWhatRowsHeldIsGoneAfterAScrub", in: "internal/store/sqlite", says: "what no row holds",
	},
	{
		name: "lease-of-another", class: "E", what: "a writer that lost its store to another commits",
		file: "internal/store/sqlite/lease.go", old: `if number != s.number {`, new: `if number < s.number {`,
		rig: "TestEveryStoreKeepsTheContract/sqlite", in: "internal/store/storetest", says: "the one that woke got",
	},
	{
		name: "lock-not-asked-for", class: "E", what: "a call under one lock is admitted",
		file: "internal/book/call.go", old: `FirstTold(locks, now); told != nil {`, new: `FirstTold(locks, now); told != nil && len(locks) > 1 {`,
		rig: "TestRigHistoriesAreLinearizable/sqlite", in: "internal/server", says: "explains what was seen",
	},
	{
		name: "earlier-state-served", class: "E", what: "a database that is behind its anchor is served, with all that was ended since",
		file: "internal/openlog/anchor.go", old: "\t\treturn behind\n", new: "\t\t_ = behind\n\t\treturn nil\n",
		rig: "TestRigAnEarlierStateIsRefused", in: "internal/server", says: "was served",
	},
	{
		name: "open-calls-forgotten", class: "E", what: "a call that a kill left open is never closed",
		file: "internal/journal/state.go", old: `Floor: b.floor(),`, new: `Floor: st.tree.Size(),`,
		rig: "TestRigKill/sqlite", in: "internal/server", slow: true, says: "row_differs in meta head, floor",
	},
	{
		name: "agents-key-past-its-organisation", class: "E", what: "a lock on an organisation does not reach the keys that its people made for agents",
		file: "internal/book/call.go", old: `list := []string{Subject("key", key.ID), Subject("person", key.Person), Subject("org", grant.Org), Place(region)}`,
		new: "list := []string{Subject(\"key\", key.ID), Subject(\"person\", key.Person), Place(region)}\n\tif key.Actor != narthex.Agent {\n\t\tlist = append(list, Subject(\"org\", grant.Org))\n\t}",
		rig: "TestRigALockReachesEveryDescendant", in: "internal/server", says: "a key of an agent works",
	},
	{
		name: "witness-believes-who-asks", class: "F", what: "a witness takes the size that it signed last from the one who asks",
		file: "internal/witness/witness.go", old: `case old != last.Size:`, new: `case old > last.Size:`,
		rig: "TestAWitnessSignsNoTwoHistories", in: "internal/witness", says: "another history was signed",
	},
	{
		name: "budget-looked-up-beside-the-batch", class: "G", what: "a budget is read as it was before the calls that share the commit",
		file: "internal/journal/tx.go", old: `if row, here := tx.batch.rows[rowKey{table, key}]; here {`, new: `if row, here := tx.batch.rows[rowKey{table, key}]; here && table != store.Accounts {`,
		rig: "TestRigHistoriesAreLinearizable/sqlite", in: "internal/server", says: "explains what was seen",
	},
	{
		name: "doubt-taken-for-a-no", class: "G", what: "a commit without an answer is told as one that did not happen",
		file: "internal/store/postgres/tx.go", old: `s.lostOr(fmt.Errorf("commit: %w: %w", store.ErrUnknown, err))`, new: `s.lostOr(fmt.Errorf("commit: %w", err))`,
		rig: "TestRigPostgresCommitCut", in: "internal/journal", says: "changes were acknowledged and",
	},
	{
		name: "refused-change-stays", class: "H", what: "what a refused change wrote is committed with the changes beside it",
		file: "internal/journal/tx.go", old: "\t\tdelete(rows, key)\n", new: "",
		rig: "TestChangesThatShareACommitFailAlone", in: "internal/journal", says: "stands although it was refused",
	},
	{
		name: "one-key-too-many", class: "I", what: "a reading of a span gives the key at its end, which is another's",
		file: "internal/store/sqlite/tx.go", old: `" AND key < $2 ORDER BY key"`, new: `" AND key <= $2 ORDER BY key"`,
		rig: "TestEveryStoreKeepsTheContract/sqlite", in: "internal/store/storetest", says: "a span from the middle gave",
	},
	{
		name: "opening-of-another-entry", class: "J", what: "what an entry says is not compared with what was recorded",
		file: "ledger/verify.go", old: `if !v.hasher.opens(&opening, record) {`, new: `if !v.hasher.opens(&opening, record) && index == 0 {`,
		rig: "TestRigTamper", in: "ledger", says: "is not found",
	},
	{
		name: "silent-witness-counts", class: "J", what: "a witness that has not signed counts as one that has",
		file: "internal/openlog/panel.go", old: `state != nil && l.signs(state, now) {`, new: `state != nil && now.After(state.at) {`,
		rig: "TestRequiredWitnessesHoldTheDoor", in: "internal/server", says: "before the witness signs",
	},
	{
		name: "password-told", class: "K", what: "an error of the store holds its password",
		file: "internal/store/postgres/errors.go", old: `return errors.New(err.Error())`, new: `return errors.New(err.Error() + " as " + connecting.Config.User + ":" + connecting.Config.Password)`,
		rig: "TestTheStoresPasswordIsNeverLogged", in: "internal/server", says: "password",
	},
	{
		name: "people-in-public", class: "L", what: "the path of public openings shows those of people",
		file: "internal/openlog/publish.go", old: `if !o.Type.Public() {`, new: `if o.Type == "" {`,
		rig: "TestWhatIsPublishedCanBeReadByAnyone", in: "internal/server", says: "an entry about a person is opened to anyone",
	},
	{
		name: "line-ends-in-names", class: "M", what: "a name with a line end in it makes lines of its own in the ledger",
		file: "entry.go", old: `c < 0x20 || c == '"' || c == '\\' || c >= 0x7f || c == '<'`, new: `c == '"' || c == '\\' || c >= 0x7f || c == '<'`,
		rig: "TestTextThatImitatesAnEntryStaysText", in: "ledger", says: "cannot marshal",
	},
	{
		name: "nests-without-end", class: "N", what: "a value in the ledger may nest until the verifier's memory is full",
		file: "ledger/form.go", old: `len(start) == 0 || depth > deepest:`, new: `len(start) == 0:`,
		rig: "TestVectorsAreJudgedAsPublished", in: "ledger", says: "lists 65 deep",
	},
	{
		name: "older-version-serves", class: "O", what: "an older program with a known hole serves a newer one's store",
		file: "internal/server/program.go", old: `last != nil && release.Older(s.config.Version,`, new: `last != nil && release.Older(last.Version,`,
		rig: "TestVersionsDoNotGoBackWithoutIntent", in: "internal/server", says: "an older one",
	},
}
