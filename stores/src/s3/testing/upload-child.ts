// Uploads a blob in chunks and says after each how much was acknowledged, until it is killed.
// entry: started by s3.real.ts
import { randomFillSync } from "node:crypto";
import { digestOf } from "../../digest.ts";
import { openS3Blobs, type S3Options } from "../open.ts";

const CHUNK_BYTES = 3_000_000;

const [options, size] = JSON.parse(process.argv[2] ?? "") as readonly [S3Options, number];
const bytes = randomFillSync(Buffer.alloc(size));
const opened = await openS3Blobs(options);
if (!opened.ok) throw new Error(opened.message);
const { blobs } = opened.value;
const digest = digestOf(bytes);
await blobs.beginUpload(digest, size);
process.stdout.write(`${digest}\n`);
for (let at = 0; at < size; at += CHUNK_BYTES) {
  const sent = await blobs.appendUpload(digest, at, bytes.subarray(at, at + CHUNK_BYTES));
  if (!sent.ok) throw new Error(sent.message);
  process.stdout.write(`${sent.value.offset}\n`);
}
