// The verifier at the command line: node cli.mjs, without installing anything. It reads files, folders and addresses, and
// writes nothing.

import { webcrypto } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AbsentError, TamperError, fromBase64, openCheckpoint, openCosignature, hex, statedKey, verifyDisclosure, verifyExport, verifyField, verifyLog, verifyReceipt } from "./verify.mjs";

// Node 18 has WebCrypto, and not where pages have it.
globalThis.crypto ??= webcrypto;

const USAGE = `node cli.mjs WHAT --key KEY

  export FILE                 an export of a ledger
  log ADDRESS|FOLDER          a published log: its address, such as https://lab.example/ledger, or its files in a folder
  receipt FILE                a receipt; --promise HEADER, --request FILE and --answer FILE hold it against what you have
  disclosure FILE             one entry that somebody showed you, or some of its fields
  checkpoint FILE             a checkpoint; --witness KEY shows when that witness signed it
  field FILE --record BASE64  one field of an entry, which needs no key

KEY is name+hash+key; get it by a way of your own, and not from what you check. --since FILE holds an export or a log against
a checkpoint that you kept.`;

const LONGEST = 1 << 20, LONGEST_LIST = 16 << 20; // bytes of a file of a published log, and of its list of openings

/** The files of a published log below an address. */
function fromAddress(address) {
  return async (path) => {
    const answer = await fetch(`${address.replace(/\/$/, "")}/${path}`, { redirect: "error", signal: AbortSignal.timeout(60_000) });
    if (answer.status === 404) throw new AbsentError(path);
    if (answer.status !== 200) throw new Error(`${path}: the answer is ${answer.status}`);
    const pieces = [];
    let size = 0;
    for await (const piece of answer.body) {
      pieces.push(piece);
      if ((size += piece.length) > (path === "openings" ? LONGEST_LIST : LONGEST)) throw new Error(`${path}: it is too long`);
    }
    return new Uint8Array(Buffer.concat(pieces));
  };
}

/** The files of a published log in a folder, where the list of openings is the file openings/list. */
function fromFolder(folder) {
  return async (path) => {
    try {
      return new Uint8Array(await readFile(join(folder, path === "openings" ? "openings/list" : path)));
    } catch (error) {
      throw error.code === "ENOENT" ? new AbsentError(path) : error;
    }
  };
}

async function run([what, name], options) {
  const since = options.since ? [await readFile(options.since)] : [];
  const key = options.key ?? (what === "field" ? "" : undefined);
  if (!name || key === undefined) {
    if (what === "export" && name) throw new Error(`give the lab's key with --key, from another source than the file; the file states ${await statedKey(createReadStream(name))}`);
    throw new Error(USAGE);
  }
  switch (what) {
    case "export":
      return verifyExport(createReadStream(name), key, { since });
    case "log":
      return verifyLog(/^https?:/.test(name) ? fromAddress(name) : fromFolder(name), key, { since });
    case "receipt":
      return verifyReceipt(await readFile(name), key, { promise: options.promise,
        request: options.request && await readFile(options.request), answer: options.answer && await readFile(options.answer) });
    case "disclosure":
      return verifyDisclosure(textless(await readFile(name)), key);
    case "checkpoint": {
      const data = await readFile(name), { origin, size, root } = await openCheckpoint(data, key);
      const at = options.witness && await openCosignature(data, options.witness);
      return { origin, size: String(size), root: hex(root), ...(options.witness ? { witnessed: at === undefined ? null : new Date(Number(at) * 1000).toISOString() } : {}) };
    }
    case "field":
      return verifyField(await readFile(name), fromBase64(options.record ?? "") ?? new Uint8Array(0));
  }
  throw new Error(USAGE);
}

/** A file without the newline that ends it. */
const textless = (data) => data.at(-1) === 10 ? data.subarray(0, -1) : data;

const text = { type: "string" };
try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { key: text, since: text, witness: text, promise: text, request: text, answer: text, record: text } });
  console.log(JSON.stringify(await run(positionals, values), null, 2));
} catch (error) {
  console.error(error instanceof TamperError ? `tampered: ${error.message}` : error.message);
  process.exitCode = error instanceof TamperError ? 5 : 2;
}
