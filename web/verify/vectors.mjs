// Runs the verifier over published test vectors: node vectors.mjs FILE prints one line of JSON for each, what it found.
//
// A vector names a base, the edits that spoil it, and the verdict. An edit is [at, cut, put]: at that byte so many bytes are
// taken out, and those of the base64 are put in. For a published log it begins with the file's path, and a cut of -1 takes the
// whole file away. docs/ledger.md says more.

import { webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import * as verifier from "./verify.mjs";

// Node 18 has WebCrypto, and not where pages have it.
globalThis.crypto ??= webcrypto;

const { AbsentError, TamperError, fromBase64 } = verifier;

const bytes = (text) => new TextEncoder().encode(text);
const raw = (text) => text === undefined ? undefined : fromBase64(text);

export function edited(data, edits = []) {
  for (const [at, cut, put] of edits) data = Buffer.concat([data.subarray(0, at), raw(put), data.subarray(at + cut)]);
  return data;
}

/** Gives the file of a published log as a vector spoils it. */
function fileOf(base, edits = []) {
  return async (path) => {
    const mine = edits.filter(([file]) => file === path).map(([, ...edit]) => edit);
    if (!Object.hasOwn(base, path) || mine.some(([, cut]) => cut === -1)) throw new AbsentError(path);
    return edited(raw(base[path]), mine);
  };
}

const runs = {
  opening: (v, data) => verifier.verifyOpening(data, raw(v.record)),
  field: (v, data) => verifier.verifyField(data, raw(v.record)),
  checkpoint: (v, data) => verifier.openCheckpoint(data, v.key),
  cosignature: async (v, data) => {
    if (await verifier.openCosignature(data, v.key) === undefined) throw new TamperError(-1, "the witness signed nothing");
  },
  promise: (v, data) => verifier.openPromise(new TextDecoder().decode(data), v.key),
  receipt: (v, data) => verifier.verifyReceipt(data, v.key, { promise: v.promise, request: raw(v.request), answer: raw(v.answer) }),
  disclosure: (v, data) => verifier.verifyDisclosure(data, v.key),
  export: (v, data, since) => verifier.verifyExport(data, v.key, { since }),
};

/** The verdict on a vector: ok, the index that is named where it is not, and size and root where a log is whole. */
export async function verdict(vector, bases) {
  const base = bases[vector.base];
  const since = vector.since?.map((name) => bases[name]);
  try {
    const report = vector.kind === "log"
      ? await verifier.verifyLog(fileOf(base, vector.edit), vector.key, { since })
      : await runs[vector.kind](vector, edited(bytes(base), vector.edit), since);
    return { ok: true, ...(vector.kind === "log" || vector.kind === "export" ? { size: report.size, root: report.root } : {}) };
  } catch (error) {
    return { ok: false, index: error instanceof TamperError ? error.index : -1, says: String(error.message) };
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { bases, vectors } = JSON.parse(await readFile(process.argv[2], "utf8"));
  for (const vector of vectors) console.log(JSON.stringify(await verdict(vector, bases)));
}
