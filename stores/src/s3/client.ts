// The bucket over the S3 protocol, by the vendor-neutral part of the AWS client: whole objects,
// ranges, multipart uploads, server-side copies. Bodies carry an MD5 that every S3-compatible
// server checks, so bytes changed on the way are refused there and sent again.
import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { assert } from "@tequio/core/pool";
import type { Bucket, Multipart, Part, StoredObject } from "./bucket.ts";
import { COPY_BYTES_MAX, LIST_ROWS_MAX } from "./limits.ts";
import { isNoUpload, isUnknown } from "./trouble.ts";

const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("base64");

/** A bucket by its name; the client is closed with it. Objects of more than `copyBytesMax` bytes
 * are copied in parts of that size. */
export function makeBucket(
  client: S3Client,
  name: string,
  copyBytesMax: number = COPY_BYTES_MAX,
): Bucket {
  return {
    ...objects(client, name, copyBytesMax),
    ...multipart(client, name),
    close: () => client.destroy(),
  };
}

type Objects = Pick<Bucket, "head" | "get" | "put" | "remove" | "list" | "copy">;
type Multiparts = Omit<Bucket, keyof Objects | "close">;

function objects(client: S3Client, name: string, copyBytesMax: number): Objects {
  return {
    async head(key) {
      try {
        const reply = await client.send(new HeadObjectCommand({ Bucket: name, Key: key }));
        return reply.ContentLength ?? 0;
      } catch (error) {
        if (isUnknown(error)) return undefined;
        throw error;
      }
    },
    async *get(key, start, end) {
      const Range = `bytes=${start}-${end - 1}`;
      const reply = await client.send(new GetObjectCommand({ Bucket: name, Key: key, Range }));
      const body = reply.Body as unknown as AsyncIterable<Uint8Array> | undefined;
      if (body !== undefined) yield* body;
    },
    async put(key, bytes) {
      const input = { Bucket: name, Key: key, Body: bytes, ContentMD5: md5(bytes) };
      await client.send(new PutObjectCommand(input));
    },
    async remove(key) {
      await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }));
    },
    list: (prefix, after, limit) => listObjects(client, name, prefix, after, limit),
    async copy(from, to, size) {
      const source = sourceOf(name, from);
      if (size <= copyBytesMax) {
        await client.send(new CopyObjectCommand({ Bucket: name, Key: to, CopySource: source }));
      } else await copyInParts(client, { name, source, to, size, partBytes: copyBytesMax });
    },
  };
}

const sourceOf = (name: string, key: string): string =>
  [name, ...key.split("/")].map(encodeURIComponent).join("/");

async function listObjects(
  client: S3Client,
  name: string,
  prefix: string,
  after: string,
  limit: number,
): Promise<readonly StoredObject[]> {
  const rows: StoredObject[] = [];
  while (rows.length < limit) {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: name,
        Prefix: prefix,
        MaxKeys: Math.min(LIST_ROWS_MAX, limit - rows.length),
        StartAfter: rows.at(-1)?.key ?? after,
      }),
    );
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      if (Key === undefined) continue;
      rows.push({ key: Key, size: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 });
    }
    if (page.IsTruncated !== true || page.Contents === undefined) break;
  }
  return rows;
}

interface Copy {
  readonly name: string;
  readonly source: string;
  readonly to: string;
  readonly size: number;
  readonly partBytes: number;
}

async function copyInParts(client: S3Client, copy: Copy): Promise<void> {
  const { name, source, to, size, partBytes } = copy;
  const uploads = multipart(client, name);
  const upload = await uploads.begin(to);
  try {
    const parts: Part[] = [];
    for (let start = 0; start < size; start += partBytes) {
      const end = Math.min(size, start + partBytes);
      const reply = await client.send(
        new UploadPartCopyCommand({
          ...{ Bucket: name, Key: to, UploadId: upload.id, CopySource: source },
          PartNumber: parts.length + 1,
          CopySourceRange: `bytes=${start}-${end - 1}`,
        }),
      );
      const etag = reply.CopyPartResult?.ETag ?? "";
      parts.push({ number: parts.length + 1, size: end - start, etag });
    }
    await uploads.complete(upload, parts);
  } catch (error) {
    await uploads.abort(upload).catch(() => undefined);
    throw error;
  }
}

function multipart(client: S3Client, name: string): Multiparts {
  const named = ({ key, id }: Multipart) => ({ Bucket: name, Key: key, UploadId: id });
  return {
    async begin(key) {
      const reply = await client.send(new CreateMultipartUploadCommand({ Bucket: name, Key: key }));
      assert(reply.UploadId !== undefined, "an upload that was begun has an id");
      return { key, id: reply.UploadId };
    },
    async part(upload, number, bytes) {
      const body = { PartNumber: number, Body: bytes, ContentMD5: md5(bytes) };
      const reply = await client.send(new UploadPartCommand({ ...named(upload), ...body }));
      return { number, size: bytes.length, etag: reply.ETag ?? "" };
    },
    parts: (upload) => listParts(client, named(upload)),
    async complete(upload, parts) {
      const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
      const input = { ...named(upload), MultipartUpload: { Parts } };
      await client.send(new CompleteMultipartUploadCommand(input));
    },
    async abort(upload) {
      try {
        await client.send(new AbortMultipartUploadCommand(named(upload)));
      } catch (error) {
        if (!isNoUpload(error)) throw error;
      }
    },
    async begunBefore(prefix, ms) {
      const input = { Bucket: name, Prefix: prefix, MaxUploads: LIST_ROWS_MAX };
      const page = await client.send(new ListMultipartUploadsCommand(input));
      return (page.Uploads ?? []).flatMap(({ Key, UploadId, Initiated }) => {
        const old = Initiated !== undefined && Initiated.getTime() < ms;
        return old && Key !== undefined && UploadId !== undefined
          ? [{ key: Key, id: UploadId }]
          : [];
      });
    },
  };
}

async function listParts(
  client: S3Client,
  named: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
): Promise<readonly Part[] | undefined> {
  const rows: Part[] = [];
  let marker: string | undefined;
  try {
    do {
      const page = await client.send(
        new ListPartsCommand({ ...named, ...(marker && { PartNumberMarker: marker }) }),
      );
      for (const { PartNumber, Size, ETag } of page.Parts ?? []) {
        rows.push({ number: PartNumber ?? 0, size: Size ?? 0, etag: ETag ?? "" });
      }
      marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
  } catch (error) {
    if (isNoUpload(error)) return undefined;
    throw error;
  }
  return rows.sort((a, b) => a.number - b.number);
}
