// A verifier of Narthex ledgers, in JavaScript without dependencies: for node 20 and later, and for browsers.
//
// What it is for: whoever does not want to trust the lab, nor the verifier that the lab's own software brings. It is written
// from the specification, docs/ledger.md, and each part below says which section it follows.
//
// What it promises: a changed, missing, added, moved or repeated byte of an export or of a published log is found, and the
// entry named wherever the change is one entry's; the fault is thrown as a TamperError. Nothing is fetched but through the
// function that the caller gives, and memory grows with governance and not with use.
//
// What it trusts: the verifier key that the caller brings, and SHA-256, SHA-512 and Ed25519 as WebCrypto computes them. Node 20
// has all three. A browser without Ed25519 in WebCrypto, or a page that is not served by https, is told so by an error, and
// then nothing was verified.
//
// Read next: verifyExport and verifyLog, and cli.mjs for how they are used.

/** A log, a receipt or a proof that is not what was signed. Never to be retried: someone must look. */
export class TamperError extends Error {
  /** @param {number|bigint} index of the first wrong entry, or -1 where it is not one entry's fault */
  constructor(index, what) {
    super((index < 0 ? what : `entry ${index}: ${what}`) + ". Do not rely on this copy; get another from the lab and compare the two");
    this.name = "TamperError";
    this.index = Number(index);
  }
}

/** What a fetch function throws for a file that a published log does not have. */
export class AbsentError extends Error {}

const tamper = (index, what) => { throw new TamperError(index, what); };

// Types of entries: class, whether openings are public, names of fields. Section "Types".
// types begin
const TYPES = {
  "agreement.rendered": [1, false, ["engagement", "agreement", "application", "directory"]],
  "agreement.signed": [1, false, ["engagement", "agreement", "party", "by", "signer", "envelope"]],
  "call.denied": [2, false, ["grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "reasons"]],
  "call.intent": [2, false, ["grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "clauses", "reserved", "nonce", "request"]],
  "call.outcome": [2, false, ["call", "grant", "status", "used", "answer"]],
  "call.read": [2, false, ["grant", "key", "what"]],
  "directory.approved": [1, false, ["directory", "by"]],
  "directory.in_force": [1, true, ["directory", "guardrails", "replaces"]],
  "directory.proposed": [1, false, ["directory", "by"]],
  "engagement.changed": [1, false, ["engagement", "command", "by", "as", "state", "saw", "event"]],
  "engagement.read": [1, false, ["engagement", "by", "what"]],
  "grant.active": [1, false, ["grant", "engagement", "agreement", "persons", "org", "not_before", "not_after"]],
  "grant.ended": [1, false, ["grant", "engagement", "by", "reason"]],
  "inception": [1, true, ["lab", "origin", "directory", "guardrails", "custodians", "single_custodian", "log_key"]],
  "job.changed": [2, false, ["job", "grant", "event"]],
  "job.taken": [2, false, ["grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "clauses", "reserved", "job"]],
  "key.minted": [1, false, ["key", "grant", "person", "actor", "token", "terms", "not_after", "by"]],
  "key.revoked": [1, false, ["key", "grant", "by"]],
  "ledger.read": [1, false, ["by", "what"]],
  "ledger.restored": [1, true, ["anchor_size", "anchor_root", "size", "reason"]],
  "lock.appealed": [1, false, ["lock", "by", "org", "taken", "review_by", "said"]],
  "lock.lifted": [1, false, ["lock", "subject", "target", "by"]],
  "lock.reviewed": [1, false, ["lock", "outcome", "by", "said"]],
  "lock.set": [1, false, ["lock", "subject", "target", "reason", "review_by", "by"]],
  "lock.silenced": [1, false, ["lock", "until", "by"]],
  "log_key.rotated": [1, true, ["old_key", "new_key", "old_signature", "new_signature"]],
  "node.recovered": [1, true, ["closed", "size"]],
  "openings.erased": [1, false, ["person", "by", "reason", "entries"]],
  "person.authorised": [1, false, ["person", "org", "pathways", "not_before", "not_after", "authorisation", "by", "signer", "envelope"]],
  "person.away": [1, false, ["person", "from", "until", "stand_in"]],
  "person.changed": [1, false, ["person", "state", "by", "reason"]],
  "person.enrolled": [1, false, ["person", "handle", "login_key"]],
  "person.invited": [1, false, ["person", "org", "official", "region", "code", "by"]],
  "person.nationality": [1, false, ["person", "record", "by"]],
  "person.standing": [1, false, ["person", "kind", "name", "act", "from", "until", "saw", "by"]],
  "person.unauthorised": [1, false, ["person", "authorisation", "by"]],
  "person.visa": [1, false, ["person", "act", "deed", "by"]],
  "program.changed": [1, true, ["version", "program", "replaces", "reason"]],
  "refusals.counted": [2, false, ["kind", "count", "since"]],
  "release.changed": [1, false, ["release", "grant", "event"]],
  "release.taken": [2, false, ["grant", "key", "agreement", "directory", "facts", "uses", "asset", "version", "clauses", "reserved", "release"]],
  "rule.changed": [1, false, ["rule", "event"]],
  "rule.proposed": [1, false, ["grant", "by", "terms"]],
  "session.ended": [1, false, ["person", "session"]],
  "session.opened": [1, false, ["person", "session", "token"]],
  "signer.enrolled": [1, false, ["person", "fingerprint", "kind", "credential", "by"]],
  "signer.revoked": [1, false, ["person", "fingerprint", "by"]],
};
// types end

// ---- Bytes and hashes

const encoder = new TextEncoder();
const bytesOf = (text) => encoder.encode(text);

function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function equal(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** Reads base64 in its one form; undefined where it is none. */
export function fromBase64(text) {
  let raw;
  try {
    raw = atob(text);
  } catch {
    return undefined;
  }
  return btoa(raw) === text ? Uint8Array.from(raw, (c) => c.charCodeAt(0)) : undefined;
}

function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new Error("WebCrypto is missing here: a page must be served by https, and in node the program that runs this must set globalThis.crypto (cli.mjs does). Nothing was verified");
  return found;
}

const digest = async (name, ...parts) => new Uint8Array(await subtle().digest(name, concat(...parts)));
const sha256 = (...parts) => digest("SHA-256", ...parts);
const leafHash = (data) => sha256(Uint8Array.of(0), data);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

let ed25519; // whether WebCrypto has it, asked once

async function signedBy(key, message, signature) {
  ed25519 ??= subtle().generateKey({ name: "Ed25519" }, false, ["sign", "verify"]).then(() => true, () => false);
  if (!await ed25519) throw new Error("WebCrypto has no Ed25519 here; use node 20 or later, or a newer browser. Nothing was verified");
  if (signature.length !== 64) return false;
  try {
    const imported = await subtle().importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await subtle().verify({ name: "Ed25519" }, imported, signature, message);
  } catch {
    return false;
  }
}

const number = (bytes) => bytes.reduce((n, b) => (n << 8n) | BigInt(b), 0n); // big endian

// ---- One form. Section "One form".

const LIMIT = 1n << 62n;
const DEEPEST = 64;
const SHORT = '"\\bfnrt';

class Malformed extends Error {}
const malformed = () => { throw new Malformed(); };

/** Reads JSON in its one form, from the front. */
class Form {
  constructor(text) {
    if (text === undefined) malformed();
    this.text = text;
    this.at = 0;
  }

  has(text) {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  must(text) { if (!this.has(text)) malformed(); }

  end() { if (this.at !== this.text.length) malformed(); }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) malformed();
    this.at = pattern.lastIndex;
    return found[0];
  }

  /** A whole number from 0 to 2^62-1, as a BigInt. */
  natural() {
    const n = BigInt(this.take(/(?:0|[1-9][0-9]{0,18})(?![0-9])/y));
    return n < LIMIT ? n : malformed();
  }

  /** A string, as it is written. */
  string() {
    const start = this.at;
    this.must('"');
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (!(c >= 0x20)) malformed(); // also where the text ends
      this.at++;
      if (c === 0x22) return this.text.slice(start, this.at);
      if (c !== 0x5c) continue;
      if (this.at < this.text.length && SHORT.includes(this.text[this.at])) this.at++;
      else this.take(/u00(?:0[0-7bef]|1[0-9a-f])/y);
    }
  }

  /** A string's text. */
  says() { return JSON.parse(this.string()); }

  bytes() {
    const written = this.string();
    return fromBase64(written.slice(1, -1)) ?? malformed();
  }

  hashes() {
    const list = [];
    this.must("[");
    while (!this.has("]")) {
      if (list.length > 0) this.must(",");
      list.push(this.bytes());
    }
    return list;
  }

  /** A value in canonical form, as it is written. */
  value(depth) {
    const start = this.at;
    if (depth > DEEPEST) malformed();
    switch (this.text[this.at]) {
      case '"': this.string(); break;
      case "[": this.list(depth); break;
      case "{": this.object(depth); break;
      case "t": this.must("true"); break;
      case "f": this.must("false"); break;
      case "n": this.must("null"); break;
      default: this.number();
    }
    return this.text.slice(start, this.at);
  }

  list(depth) {
    this.must("[");
    for (let first = true; !this.has("]"); first = false) {
      if (!first) this.must(",");
      this.value(depth + 1);
    }
  }

  object(depth) {
    this.must("{");
    let last;
    while (!this.has("}")) {
      if (last !== undefined) this.must(",");
      const name = this.says();
      this.must(":");
      this.value(depth + 1);
      if (last !== undefined && !(last < name)) malformed(); // by UTF-16 code units
      last = name;
    }
  }

  number() {
    const text = this.take(/-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?(?![0-9.e+-])/y);
    const whole = /^-?[0-9]+$/.test(text);
    if (whole ? !/^(?:0|-?[1-9][0-9]*)$/.test(text) : String(Number(text)) !== text) malformed();
  }

  /** An opening. Section "Openings". */
  opening() {
    this.must('{"type":');
    const type = this.string().slice(1, -1);
    this.must(',"seed":');
    const seed = this.bytes();
    this.must(',"fields":[');
    if (!Object.hasOwn(TYPES, type) || seed.length !== 32) malformed();
    const [kind, isPublic, names] = TYPES[type];
    const values = names.map((_, i) => {
      if (i > 0) this.must(",");
      return this.value(1);
    });
    this.must("]}");
    return { type, seed, names, values, class: kind, public: isPublic };
  }

  /** A field proof. Section "Openings". */
  fieldProof() {
    this.must('{"field":{"name":');
    const name = this.says();
    this.must(',"value":');
    const value = this.says();
    this.must('},"index":');
    const index = this.natural();
    this.must(',"count":');
    const count = this.natural();
    this.must(',"salt":');
    const salt = this.bytes();
    this.must(',"path":');
    const path = this.hashes();
    this.must("}");
    return { name, value, index, count, salt, path };
  }

  /** An entry of a receipt. Section "Receipts". */
  proven() {
    this.must('{"index":');
    const index = this.natural();
    this.must(',"record":');
    const record = this.bytes();
    this.must(',"opening":');
    const opening = this.opening();
    this.must(',"proof":');
    const proof = this.hashes();
    this.must("}");
    return { index, record, opening, proof };
  }
}

/** Reads data in one form with read, or tells otherwise. */
function parse(data, read, otherwise) {
  try {
    const form = new Form(typeof data === "string" ? data : textOf(data));
    const out = read(form);
    form.end();
    return out;
  } catch (error) {
    if (error instanceof Malformed) return otherwise();
    throw error;
  }
}

/** The string that a field of an opening holds, or "" where it holds none. */
function field(opening, name) {
  const value = opening.values[opening.names.indexOf(name)];
  return value?.startsWith('"') ? JSON.parse(value) : "";
}

// ---- Records and openings. Sections "Records" and "Openings".

const RECORD = 42;
const LATEST = 253402300799000n;

/** Reads a record; undefined where it is none. */
export function parseRecord(bytes) {
  if (bytes.length !== RECORD || bytes[0] !== 1 || bytes[1] !== 1 && bytes[1] !== 2) return undefined;
  const millis = number(bytes.subarray(2, 10));
  if (millis > LATEST) return undefined;
  return { bytes, class: bytes[1], millis: Number(millis), root: bytes.subarray(10) };
}

function fieldLeaf(salt, name, value) {
  const named = bytesOf(name);
  return leafHash(concat(salt, Uint8Array.of(named.length >> 8, named.length & 255), named, bytesOf(value)));
}

/** The root of hashes in the shape of RFC 6962; there is at least one. */
async function treeRoot(hashes) {
  if (hashes.length === 1) return hashes[0];
  let k = 1;
  while (2 * k < hashes.length) k *= 2;
  return nodeHash(...await Promise.all([treeRoot(hashes.slice(0, k)), treeRoot(hashes.slice(k))]));
}

export async function openingRoot(opening) {
  const fields = [["type", JSON.stringify(opening.type)], ...opening.names.map((name, i) => [name, opening.values[i]])];
  const blocks = await Promise.all(Array.from({ length: Math.ceil(fields.length / 4) }, (_, i) => digest("SHA-512", opening.seed, Uint8Array.of(i))));
  const salts = concat(...blocks);
  return treeRoot(await Promise.all(fields.map(([name, value], i) => fieldLeaf(salts.subarray(16 * i, 16 * i + 16), name, value))));
}

async function opens(opening, record) {
  return opening.class === record.class && equal(await openingRoot(opening), record.root);
}

/** Reads an opening; undefined where it is none. */
export const parseOpening = (data) => parse(data, (form) => form.opening(), () => undefined);

/** Says whether an opening, as it is written, is the record's. */
export async function verifyOpening(data, recordBytes) {
  const opening = parseOpening(data), record = parseRecord(recordBytes);
  if (!opening || !record || !await opens(opening, record)) tamper(-1, "the opening is not the record's");
  return opening;
}

/** The hash at the top of a path, or undefined where the path has not the right length. Index and size are BigInts. */
async function climb(leaf, index, size, path) {
  if (size === 1n) return path.length === 0 ? leaf : undefined;
  if (path.length === 0) return undefined;
  let k = 1n;
  while (2n * k < size) k *= 2n;
  const beside = path[path.length - 1], below = path.slice(0, -1);
  const hash = index < k ? await climb(leaf, index, k, below) : await climb(leaf, index - k, size - k, below);
  if (!hash) return undefined;
  return index < k ? nodeHash(hash, beside) : nodeHash(beside, hash);
}

/** Says what the field is that a field proof shows of a record. */
export async function verifyField(data, recordBytes) {
  const proof = parse(data, (form) => form.fieldProof(), () => tamper(-1, "the field proof does not read as one"));
  return provenField(proof, parseRecord(recordBytes));
}

async function provenField(proof, record, index = -1) {
  if (!record || proof.count > 64n || proof.index >= proof.count || proof.salt.length !== 16 || proof.path.some((hash) => hash.length !== 32)) {
    tamper(index, "the field proof has not the right shape");
  }
  const root = await climb(await fieldLeaf(proof.salt, proof.name, proof.value), proof.index, proof.count, proof.path);
  if (!root || !equal(root, record.root)) tamper(index, "the field is not the record's");
  return { name: proof.name, value: proof.value };
}

// ---- Keys, notes and checkpoints. Section "The log", c2sp.org/signed-note, c2sp.org/tlog-cosignature.

const SPACE = /[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const isName = (name) => name !== "" && !SPACE.test(name) && !name.includes("+");

/** Reads name+hash+key, whose type is 1 for a log and 4 for a witness; undefined where it is none. */
async function parseKey(text, type) {
  const found = /^([^+]+)\+([0-9a-f]{8})\+(.*)$/s.exec(text);
  const key = found && fromBase64(found[3]);
  if (!key || key.length !== 33 || key[0] !== type || !isName(found[1])) return undefined;
  if (type === 4 && !/^[!-~]+$/.test(found[1])) return undefined;
  const hash = (await sha256(bytesOf(found[1] + "\n"), key)).subarray(0, 4);
  if (hex(hash) !== found[2]) return undefined;
  return { text, name: found[1], hash, key: key.subarray(1) };
}

const NAMELESS = "the key is not one of the form name+hash+key";

/** Opens a signed note under a key: its text, and the signature that verified or undefined where the key signed nothing. */
async function openNote(text, key, check) {
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text) || /[\ud800-\udfff]/u.test(text)) malformed();
  const split = text.lastIndexOf("\n\n");
  if (split < 0) malformed();
  const body = text.slice(0, split + 1), lines = text.slice(split + 2).split("\n");
  if (lines.length < 2 || lines.pop() !== "" || lines.length > 100) malformed();
  let good;
  for (const line of lines) {
    const [, name, encoded] = /^\u2014 ([^ ]*) (.*)$/s.exec(line) ?? malformed();
    const raw = fromBase64(encoded);
    if (!isName(name) || !raw || raw.length < 5) malformed();
    if (good || name !== key.name || !equal(raw.subarray(0, 4), key.hash)) continue;
    if (!await check(body, raw.subarray(4))) malformed();
    good = raw.subarray(4);
  }
  return { body, good };
}

function parseCheckpoint(text) {
  const split = text?.indexOf("\n\n") ?? -1;
  if (split < 0) malformed();
  return parseBody(text.slice(0, split + 1));
}

function parseBody(body) {
  const [, origin, size, encoded] = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n$/.exec(body) ?? malformed();
  const root = fromBase64(encoded);
  if (BigInt(size) >= LIMIT || root?.length !== 32) malformed();
  return { origin, size: BigInt(size), root };
}

const orUndefined = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
};

const asText = (data) => typeof data === "string" ? data : textOf(data);

/** The checkpoint that the key signed, or undefined. */
async function signedCheckpoint(text, verifierKey) {
  const key = await parseKey(verifierKey, 1);
  if (!key || text === undefined) return undefined;
  return orUndefined((async () => {
    const { body, good } = await openNote(text, key, (body, signature) => signedBy(key.key, bytesOf(body), signature));
    const checkpoint = parseBody(body);
    return good && checkpoint.origin === key.name ? checkpoint : undefined;
  })());
}

/** Opens a checkpoint under the log's key: its origin, size (a BigInt) and root. */
export async function openCheckpoint(data, verifierKey) {
  return await signedCheckpoint(asText(data), verifierKey) ?? tamper(-1, "the checkpoint is not signed by the given key, or was changed");
}

/** The time, in Unix seconds, of a witness's cosignature of a checkpoint; undefined where that witness signed nothing. */
export async function openCosignature(data, witnessKey) {
  const text = asText(data), key = await parseKey(witnessKey, 4);
  if (!key) tamper(-1, NAMELESS);
  const opened = text !== undefined && await orUndefined(openNote(text, key, (body, signature) => {
    if (signature.length !== 72 || body.split("\n").length < 4) return false;
    return signedBy(key.key, bytesOf(`cosignature/v1\ntime ${number(signature.subarray(0, 8))}\n${body}`), signature.subarray(8));
  }));
  if (!opened) tamper(-1, "the checkpoint or its cosignature was changed");
  return opened.good && number(opened.good.subarray(0, 8));
}

/** Follows a log's key through its rotations. Section "Keys". */
class Keys {
  constructor(verifierKey) {
    this.held = verifierKey;
    this.chain = ""; // while the inception was not seen
    this.all = [verifierKey];
  }

  /** Takes an opened entry in; gives what is wrong with it, or undefined. */
  async see(index, opening) {
    if (opening.type === "inception") this.all.push(this.chain = field(opening, "log_key"));
    if (opening.type !== "log_key.rotated") return undefined;
    const [before, after] = [field(opening, "old_key"), field(opening, "new_key")];
    if (this.chain !== "" && this.chain !== before) return "it rotates a key that was not the log's";
    const origin = this.held.split("+")[0];
    for (const [text, written] of [[before, "old_signature"], [after, "new_signature"]]) {
      const key = await parseKey(text, 1), signature = fromBase64(field(opening, written));
      if (key?.name !== origin) return "it rotates to or from what is no key of the log's";
      const message = `narthex log key rotation v1\n${origin}\n${index}\n${before}\n${after}\n`;
      if (!signature || !await signedBy(key.key, bytesOf(message), signature)) return "it rotates the log's key without a signature by both keys";
    }
    this.all.push(before, after);
    this.chain = after;
    if (this.held === before) this.held = after;
    return undefined;
  }

  /** The key that must have signed the checkpoint, or undefined. */
  last() { return this.chain !== "" && this.chain !== this.held ? undefined : this.held; }
}

const ASTRAY = "the log's key was changed, and the given key does not lead to the one in force";

// ---- The tree. Section "The log", RFC 6962, c2sp.org/tlog-tiles.

const WIDTH = 256;

/** The growing edge of the log: the hashes of each level that fill no tile yet. */
class Tree {
  size = 0;
  edge = [];

  /** Adds a leaf; full is told of each tile that it fills. */
  async grow(hash, full) {
    for (let level = 0; ; level++) {
      const hashes = this.edge[level] ??= [];
      hashes.push(hash);
      if (hashes.length < WIDTH) break;
      await full(level, Math.floor(this.size / WIDTH ** (level + 1)), hashes);
      hash = await treeRoot(hashes);
      this.edge[level] = [];
    }
    this.size++;
  }

  async root() {
    let root; // of what stands to the right of everything on the level
    for (const level of this.edge) {
      const parts = [];
      for (let at = 0; at < level.length;) {
        let k = 1;
        while (2 * k <= level.length - at) k *= 2;
        parts.push(await treeRoot(level.slice(at, at + k)));
        at += k;
      }
      for (const part of parts.reverse()) root = root ? await nodeHash(part, root) : part;
    }
    return root ?? sha256();
  }
}

// ---- What an export and a published log have in common

class Verification {
  static async begin(verifierKey, since) {
    if (!await parseKey(verifierKey, 1)) tamper(-1, NAMELESS);
    const v = new Verification();
    v.tree = new Tree();
    v.keys = new Keys(verifierKey);
    v.report = { governance: 0, use: 0, opened: 0, by_type: {}, open: [] };
    v.since = [];
    for (const data of since) {
      const text = asText(data);
      const kept = await orUndefined((async () => parseCheckpoint(text))());
      if (!kept) throw new Error("the earlier checkpoint does not read as one");
      v.since.push({ text, ...kept, then: await v.tree.root() });
    }
    v.since.sort((a, b) => a.size < b.size ? -1 : a.size > b.size ? 1 : 0);
    return v;
  }

  tampered(what) { return tamper(this.tree.size, what); }

  opened(type) {
    this.report.opened++;
    this.report.by_type[type] = (this.report.by_type[type] ?? 0) + 1;
  }

  inOrder(record) { if (record.millis < this.last?.millis) this.tampered("it is earlier than the entry before it"); }

  async add(record, leaf, full) {
    this.report.first ??= new Date(record.millis).toISOString();
    this.report[record.class === 1 ? "governance" : "use"]++;
    this.last = record;
    await this.tree.grow(leaf, full);
    for (const kept of this.since) if (kept.size === BigInt(this.tree.size)) kept.then = await this.tree.root();
  }

  async finish(checkpoint, stated, key) {
    const root = await this.tree.root(), size = this.tree.size;
    const signed = await openStated(checkpoint, stated, key);
    if (signed.size !== BigInt(size)) tamper(-1, `the checkpoint counts ${signed.size} entries and the log holds ${size}`);
    if (!equal(signed.root, root)) tamper(-1, "the entries fit together but are not those that the checkpoint signed");
    await this.continues();
    const last = this.last && new Date(this.last.millis).toISOString();
    return { origin: signed.origin, size, root: hex(root), key, checkpoint, last, ...this.report };
  }

  /** Section "Earlier checkpoints". */
  async continues() {
    for (const kept of this.since) {
      const signed = await Promise.all(this.keys.all.map((key) => signedCheckpoint(kept.text, key)));
      if (!signed.some(Boolean)) throw new Error("the earlier checkpoint is not signed by a key of this log");
      if (kept.size > BigInt(this.tree.size)) tamper(-1, `the log holds ${this.tree.size} entries, and a checkpoint that you kept signs ${kept.size}: it was cut, or this is an older copy`);
      if (!equal(kept.then, kept.root)) tamper(-1, `the first ${kept.size} entries are not those that a checkpoint you kept signs: there are two histories, and the lab signed both`);
    }
  }
}

async function openStated(checkpoint, stated, key) {
  const signed = await openCheckpoint(checkpoint, key);
  if (stated !== key) tamper(-1, "the log states another key than the one it was checked with");
  return signed;
}

// ---- Exports. Section "Exports".

const LONGEST = 1 << 20;

/** The lines of bytes, or of pieces of bytes that come one after the other; ended says that a line feed ended it. */
async function* linesOf(source) {
  let rest = new Uint8Array(0);
  for await (const piece of source instanceof Uint8Array ? [source] : source) {
    rest = rest.length > 0 ? concat(rest, piece) : piece;
    let at = 0;
    for (let end; (end = rest.indexOf(10, at)) >= 0 && end - at < LONGEST; at = end + 1) yield { data: rest.subarray(at, end), ended: true };
    rest = rest.subarray(at);
    if (rest.length >= LONGEST) break;
  }
  if (rest.length > 0) yield { data: rest, ended: false };
}

/** The key that an export states for itself, to be shown and not to be believed. */
export async function statedKey(source) {
  for await (const { data, ended } of linesOf(source)) return readHeader(data, ended).key;
  return tamper(-1, "the export ends before its last line");
}

function readHeader(data, ended) {
  const otherwise = () => tamper(-1, "the first line is not that of a ledger's export");
  if (!ended) otherwise();
  return parse(data, (form) => {
    form.must('{"format":"narthex ledger export v1","key":');
    const key = form.says();
    form.must(',"checkpoint":');
    const checkpoint = form.says();
    form.must("}");
    return { key, checkpoint };
  }, otherwise);
}

/**
 * Verifies an export and gives a report of it.
 * @param {Uint8Array|AsyncIterable<Uint8Array>} source
 * @param {string} verifierKey name+hash+key, from another source than the export
 * @param {{since?: Array<Uint8Array|string>}} options since are checkpoints that the verifier kept
 */
export async function verifyExport(source, verifierKey, { since = [] } = {}) {
  const v = await Verification.begin(verifierKey, since);
  const story = new Story(v.keys);
  let head, ended = false;
  for await (const line of linesOf(source)) {
    if (!head) {
      head = readHeader(line.data, line.ended);
      continue;
    }
    if (ended) tamper(-1, "there is something after the export's last line");
    if (!line.ended) v.tampered("the export ends in the middle of a line, or the line is too long");
    if (textOf(line.data.subarray(0, 6)) === '{"end"') {
      ended = parse(line.data, (form) => {
        form.must('{"end":');
        const end = form.natural();
        form.must("}");
        return end === BigInt(v.tree.size);
      }, () => false) || v.tampered("the export's last line does not count the entries before it");
      continue;
    }
    await exportLine(v, story, line.data);
  }
  if (!head) tamper(-1, "the export ends before its last line");
  if (!ended) v.tampered("the export ends before its last line");
  const key = v.keys.last() ?? tamper(-1, ASTRAY);
  v.report.open = [...story.open].sort((a, b) => a - b).map((index) => `call_${index}`);
  return v.finish(head.checkpoint, head.key, key);
}

async function exportLine(v, story, data) {
  const line = parse(data, (form) => {
    form.must('{"index":');
    const index = form.natural();
    form.must(',"record":');
    const record = form.bytes();
    form.must(',"leaf":');
    const leaf = form.bytes();
    const opening = form.has(',"opening":') ? form.opening() : undefined;
    form.must("}");
    return { index, record, leaf, opening };
  }, () => v.tampered("its line does not read as an entry"));
  if (line.index !== BigInt(v.tree.size)) v.tampered(`its line says that it is entry ${line.index}`);
  const record = parseRecord(line.record) ?? v.tampered("its record is not well formed");
  const leaf = await leafHash(record.bytes);
  if (!equal(leaf, line.leaf)) v.tampered("its record and its leaf do not match");
  v.inOrder(record);
  if (line.opening) {
    if (!await opens(line.opening, record)) v.tampered("what it says is not what was recorded");
    const fault = await story.tell(v.tree.size, line.opening);
    if (fault) v.tampered(fault);
    v.opened(line.opening.type);
  }
  await v.add(record, leaf, async () => {});
}

const INCEPTION = "a log begins with its inception, and has one only";

/** The rules between entries. Section "Rules between entries". */
class Story {
  open = new Set();
  cases = new Map();
  signed = new Map();

  constructor(keys) { this.keys = keys; }

  /** Takes the next opened entry in; gives what is wrong with it, or undefined. */
  async tell(index, o) {
    if ((index === 0) !== (o.type === "inception")) return INCEPTION;
    const fault = await this.keys.see(index, o);
    if (fault) return fault;
    switch (o.type) {
      case "call.intent":
        this.open.add(index);
        break;
      case "call.outcome": {
        const call = /^call_(0|[1-9][0-9]*)$/.exec(field(o, "call"));
        if (!call || !this.open.delete(Number(call[1]))) return "it is the outcome of a call that is not open";
        break;
      }
      case "engagement.changed":
        this.changed(o);
        break;
      case "agreement.signed":
        this.of(this.signed, field(o, "agreement"), () => new Set()).add(field(o, "party"));
        break;
      case "grant.active":
        return this.granted(o);
    }
    return undefined;
  }

  of(map, key, make) {
    if (!map.has(key)) map.set(key, make());
    return map.get(key);
  }

  changed(o) {
    const history = this.of(this.cases, field(o, "engagement"), () => ({ submitted: false, approvals: new Set(), offeredBy: "" }));
    const start = (offeredBy) => {
      history.approvals.clear();
      history.offeredBy = offeredBy;
    };
    switch (field(o, "command")) {
      case "submit":
        history.submitted = true;
        start("");
        break;
      case "approve":
        history.approvals.add(field(o, "by"));
        break;
      case "bind":
        this.signed.delete(field(o, "saw")); // signatures before it are not on the document
        break;
      case "return": case "revise": case "edit":
        start("");
        break;
      case "counter":
        start(field(o, "by"));
        break;
      case "accept": {
        const by = history.offeredBy;
        start("");
        if (by !== "") history.approvals.add(by); // of the very text that they offered
      }
    }
  }

  granted(o) {
    const history = this.cases.get(field(o, "engagement")), parties = this.signed.get(field(o, "agreement"));
    if (!history?.submitted || history.approvals.size < 2) return "a grant came into force without an application and two people's approvals before it";
    if (!parties?.has("lab") || parties.size < 2) return "a grant came into force without the signatures before it";
    return undefined;
  }
}

// ---- Published logs. Section "Published logs".

/** The path of a tile of a level, or of a bundle where the level is "entries", that holds count hashes or records. */
export function tilePath(level, index, count) {
  const pad = (n) => String(n % 1000).padStart(3, "0");
  let path = pad(index);
  for (let n = Math.floor(index / 1000); n > 0; n = Math.floor(n / 1000)) path = `x${pad(n)}/${path}`;
  return `tile/${level}/${path}${count < WIDTH ? `.p/${count}` : ""}`;
}

/**
 * Verifies a published log and gives a report of it.
 * @param {(path: string) => Promise<Uint8Array>} fetch gives a file by its path below the log's address, without the first
 *   slash; it throws an AbsentError for one that is not there, and bounds what it reads
 * @param {string} verifierKey name+hash+key, from another source than the log
 * @param {{since?: Array<Uint8Array|string>}} options since are checkpoints that the verifier kept
 */
export async function verifyLog(fetch, verifierKey, { since = [] } = {}) {
  const v = await Verification.begin(verifierKey, since);
  const log = new Published(v, fetch);
  await log.begin();
  while (v.tree.size < log.size) await log.bundle();
  await log.edges();
  return v.finish(log.checkpoint, log.stated, log.key);
}

class Published {
  constructor(v, fetch) {
    this.v = v;
    this.fetch = fetch;
    this.public = []; // index, class and root of each public entry
  }

  async file(path, index) {
    try {
      return await this.fetch(path);
    } catch (error) {
      if (error instanceof AbsentError) return tamper(index, `the log has no ${path}`);
      throw error;
    }
  }

  async begin() {
    this.checkpoint = textOf(await this.file("checkpoint", -1));
    const claimed = await orUndefined((async () => parseCheckpoint(this.checkpoint))());
    if (!claimed || claimed.size === 0n) tamper(-1, "its checkpoint does not read as that of a log with entries");
    if (claimed.size > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error("the log is larger than this verifier counts");
    this.size = Number(claimed.size);
    const stated = textOf(await this.file("key", -1));
    if (!stated?.endsWith("\n")) tamper(-1, "the key that it states is not a line");
    this.stated = stated.slice(0, -1);
    try {
      await this.openings();
      this.key = this.v.keys.last() ?? tamper(-1, ASTRAY);
      await openStated(this.checkpoint, this.stated, this.key);
    } catch (error) {
      if (error instanceof TamperError) await this.blame();
      throw error;
    }
  }

  /** A fault of the keys may be that of a public opening which is not its record's: then it is named. */
  async blame() {
    for (const entry of this.public) {
      const first = Math.floor(entry.index / WIDTH) * WIDTH, at = FRAMED * (entry.index - first);
      let bundle;
      try {
        bundle = await this.fetch(tilePath("entries", first / WIDTH, Math.min(WIDTH, this.size - first)));
      } catch {
        continue;
      }
      if (bundle.length >= at + FRAMED && !isOf(entry, bundle.subarray(at + 2, at + FRAMED))) tamper(entry.index, "what it says is not what was recorded");
    }
  }

  async openings() {
    const indexes = (await this.list()).filter((index) => index < BigInt(this.size)).map(Number);
    if (indexes[0] !== 0) tamper(0, "its opening is not public, and a log's first must be");
    for (const index of indexes) {
      const opening = parseOpening(await this.file(`openings/${index}`, index)) ?? tamper(index, "its opening does not read as one");
      if (!opening.public) tamper(index, "its opening is public, and it is of a type that is not");
      if ((index === 0) !== (opening.type === "inception")) tamper(index, INCEPTION);
      const fault = await this.v.keys.see(index, opening);
      if (fault) tamper(index, fault);
      this.v.opened(opening.type);
      this.public.push({ index, class: opening.class, root: await openingRoot(opening) });
    }
    this.next = 0; // of the public entries, the first that is still to come
  }

  async list() {
    return parse(await this.file("openings", -1), (form) => {
      const indexes = [];
      form.must('{"openings":[');
      while (!form.has("]")) {
        if (indexes.length > 0) form.must(",");
        const index = form.natural();
        if (index <= (indexes.at(-1) ?? -1n)) malformed();
        indexes.push(index);
      }
      form.must("}\n");
      return indexes;
    }, () => tamper(-1, "its list of public openings does not read as one"));
  }

  async bundle() {
    const v = this.v, first = v.tree.size, count = Math.min(WIDTH, this.size - first);
    const bundle = await this.file(tilePath("entries", first / WIDTH, count), first);
    const tile = await this.file(tilePath(0, first / WIDTH, count), first);
    for (let i = 0; i < count; i++) {
      const framed = bundle.subarray(FRAMED * i, FRAMED * (i + 1));
      if (framed.length < FRAMED || framed[0] !== 0 || framed[1] !== RECORD) v.tampered("its record does not stand in its bundle");
      const record = parseRecord(framed.subarray(2)) ?? v.tampered("its record is not well formed");
      v.inOrder(record);
      if (this.public[this.next]?.index === v.tree.size && !isOf(this.public[this.next++], record.bytes)) v.tampered("what it says is not what was recorded");
      const leaf = await leafHash(record.bytes);
      if (!equal(leaf, tile.subarray(32 * i, 32 * (i + 1)))) v.tampered("its record and its hash in the tile do not match");
      await v.add(record, leaf, (level, index, hashes) => this.filled(level, index, hashes));
    }
    if (bundle.length > FRAMED * count || tile.length > 32 * count) tamper(-1, `the bundle or the tile that begins with entry ${first} holds more than it should`);
    if (this.fault) throw this.fault;
  }

  /** Compares a full tile with the published one; the fault waits until the bundle was read. */
  async filled(level, index, hashes) {
    if (level === 0 || this.fault) return;
    try {
      await this.tile(level, index, hashes);
    } catch (error) {
      this.fault = error;
    }
  }

  async tile(level, index, hashes) {
    const path = tilePath(level, index, hashes.length);
    if (!equal(await this.file(path, -1), concat(...hashes))) tamper(-1, `${path} does not hold the hashes of the records below it`);
  }

  async edges() {
    const { edge, size } = this.v.tree;
    for (let level = 1; level < edge.length; level++) {
      if (edge[level].length > 0) await this.tile(level, Math.floor(size / WIDTH ** (level + 1)), edge[level]);
    }
  }
}

const FRAMED = 2 + RECORD;

const isOf = (entry, record) => entry.class === record[1] && equal(entry.root, record.subarray(10));

// ---- Receipts. Section "Receipts".

const PROMISE = /^id="((?:call|entry)_(?:0|[1-9][0-9]{0,18}))", entry=:([A-Za-z0-9+/]{43}=):, origin="([!#-[\]-~]{1,255})", by=@([1-9][0-9]{0,11}), sig=:([A-Za-z0-9+/]{91}=):$/;

/** Opens a promise, the value of the header Narthex-Receipt, under the log's key. */
export async function openPromise(header, verifierKey) {
  const key = await parseKey(verifierKey, 1) ?? tamper(-1, NAMELESS);
  const [, id, encoded, origin, by, signed] = PROMISE.exec(header) ?? tamper(-1, "the promise is not written as one");
  const entry = fromBase64(encoded), signature = fromBase64(signed);
  const text = `narthex receipt v1\n${id}\n${encoded}\n${origin}\n${by}\n`;
  if (!entry || !signature || origin !== key.name || !equal(signature.subarray(0, 4), key.hash) || !await signedBy(key.key, bytesOf(text), signature.subarray(4))) {
    tamper(-1, "the promise is not signed by the given key");
  }
  return { id, entry, origin, by: Number(by) };
}

/**
 * Verifies a receipt and gives what it shows.
 * @param {Uint8Array|string} data
 * @param {string} verifierKey name+hash+key, from another source than the receipt
 * @param {{promise?: string, request?: Uint8Array, answer?: Uint8Array}} holds what the receipt is held against: the header
 *   that came with the answer, the body of the request, the body of the answer
 */
export async function verifyReceipt(data, verifierKey, { promise, request, answer } = {}) {
  const r = parse(data, (form) => {
    form.must('{"format":"narthex receipt v1","key":');
    const key = form.says();
    form.must(',"checkpoint":');
    const checkpoint = form.says();
    form.must(',"intent":');
    const intent = form.proven();
    const outcome = form.has(',"outcome":') ? form.proven() : undefined;
    form.must(',"request_salt":');
    const requestSalt = form.bytes();
    form.must(',"answer_salt":');
    const answerSalt = form.bytes();
    form.must("}");
    return { key, checkpoint, intent, outcome, requestSalt, answerSalt };
  }, () => tamper(-1, "the file does not read as a receipt"));
  const checkpoint = await openCheckpoint(r.checkpoint, verifierKey);
  if (!await signedCheckpoint(r.checkpoint, r.key)) tamper(-1, "the checkpoint is not signed by the key that the receipt states");
  const intent = await proven(r.intent, checkpoint);
  if (r.intent.opening.type !== "call.intent") tamper(r.intent.index, "it is no call");
  const evidence = { call: `call_${r.intent.index}`, at: new Date(intent.millis).toISOString(), grant: field(r.intent.opening, "grant"),
    agreement: field(r.intent.opening, "agreement"), status: "open" };
  if (r.outcome) {
    const outcome = await proven(r.outcome, checkpoint), o = r.outcome.opening;
    if (o.type !== "call.outcome" || field(o, "call") !== evidence.call) tamper(r.outcome.index, "it is not the outcome of the call");
    evidence.status = field(o, "status");
    evidence.ended = new Date(outcome.millis).toISOString();
  }
  if (promise !== undefined) {
    const p = await openPromise(promise, verifierKey);
    if (p.id !== evidence.call || !equal(p.entry, await leafHash(intent.bytes)) || p.origin !== checkpoint.origin) {
      tamper(-1, "the promise is about another entry than the one in the log: keep both, they prove it");
    }
  }
  await holds(request, r.requestSalt, field(r.intent.opening, "request"), "request");
  await holds(answer, r.answerSalt, r.outcome ? field(r.outcome.opening, "answer") : "", "answer");
  return evidence;
}

async function proven(entry, checkpoint) {
  const record = await included(entry, checkpoint);
  if (!await opens(entry.opening, record)) tamper(entry.index, "what it says is not what was recorded");
  return record;
}

async function included(entry, checkpoint) {
  const record = parseRecord(entry.record) ?? tamper(entry.index, "its record is not well formed");
  const fits = entry.index < checkpoint.size && entry.proof.every((hash) => hash.length === 32);
  const root = fits && await climb(await leafHash(record.bytes), entry.index, checkpoint.size, entry.proof);
  if (!root || !equal(root, checkpoint.root)) tamper(entry.index, "it does not stand in the log that the checkpoint signed");
  return record;
}

async function holds(body, salt, committed, what) {
  if (body !== undefined && "sha256:" + hex(await sha256(salt, body)) !== committed) {
    tamper(-1, `the ${what} that was recorded is another than the one in the file`);
  }
}

// ---- Disclosures. Section "Disclosures".

/**
 * Verifies a disclosure and gives what it shows of its entry.
 * @param {Uint8Array|string} data
 * @param {string} verifierKey name+hash+key, from another source than the disclosure
 */
export async function verifyDisclosure(data, verifierKey) {
  const d = parse(data, (form) => {
    form.must('{"format":"narthex disclosure v1","key":');
    const key = form.says();
    form.must(',"checkpoint":');
    const checkpoint = form.says();
    form.must(',"index":');
    const index = form.natural();
    form.must(',"record":');
    const record = form.bytes();
    form.must(',"proof":');
    const proof = form.hashes();
    form.must(',"fields":[');
    const fields = [];
    while (!form.has("]")) {
      if (fields.length > 0) form.must(",");
      fields.push(form.fieldProof());
    }
    form.must("}");
    return { key, checkpoint, index, record, proof, fields };
  }, () => tamper(-1, "the file does not read as a disclosure"));
  const checkpoint = await openCheckpoint(d.checkpoint, verifierKey);
  if (!await signedCheckpoint(d.checkpoint, d.key)) tamper(-1, "the checkpoint is not signed by the key that the disclosure states");
  const record = await included(d, checkpoint);
  const shown = [];
  for (const proof of d.fields) {
    if (shown.length > 0 && (proof.index <= shown.at(-1).index || proof.count !== shown[0].count)) tamper(d.index, "its fields are not in order, or stand twice");
    await provenField(proof, record, d.index);
    shown.push(proof);
  }
  const [first, ...others] = shown;
  const type = first?.index === 0n && first.name === "type" && first.value.startsWith('"') ? first.value.slice(1, -1) : "";
  const [kind, , names] = Object.hasOwn(TYPES, type) ? TYPES[type] : [];
  if (kind !== record.class || BigInt(names.length + 1) !== first.count) tamper(d.index, "its type is not shown, or not one of the record's class");
  if (others.some((proof) => names[Number(proof.index) - 1] !== proof.name)) tamper(d.index, "a field has another name than its type gives it");
  return { index: Number(d.index), at: new Date(record.millis).toISOString(), type, fields: others.map(({ name, value }) => ({ name, value })),
    withheld: names.length + 1 - shown.length };
}
