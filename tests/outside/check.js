// Answers, for each question on standard input, what @sigstore/verify says of it: 1 when it holds, else 0.
const { createPublicKey } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const tlog = join(process.argv[2], "node_modules/@sigstore/verify/dist/tlog");
const { verifyCheckpoint } = require(join(tlog, "checkpoint.js"));
const { verifyMerkleInclusion } = require(join(tlog, "merkle.js"));

const HEADER = Buffer.from("302a300506032b6570032100", "hex"); // of an Ed25519 key in DER

function holds(question) {
  const [name, id, ...rest] = question.vkey.split("+");
  const key = rest.join("+"); // base64 has a plus of its own
  const der = Buffer.concat([HEADER, Buffer.from(key, "base64").subarray(1)]);
  const log = {
    baseURL: name,
    logID: Buffer.from(id, "hex"),
    publicKey: createPublicKey({ key: der, format: "der", type: "spki" }),
  };
  const entry = {
    canonicalizedBody: Buffer.from(question.entry, "base64"),
    inclusionProof: {
      checkpoint: { envelope: question.note },
      hashes: question.proof.map((one) => Buffer.from(one, "base64")),
      logIndex: String(question.index),
    },
  };
  verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log]));
}

for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  try {
    holds(JSON.parse(line));
    console.log(1);
  } catch (error) {
    if (error.name !== "VerificationError" && error.constructor.name !== "VerificationError") throw error;
    console.log(0);
  }
}
