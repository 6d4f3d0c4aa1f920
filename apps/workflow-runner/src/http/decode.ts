import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw, type InputType, type ZlibOptions } from 'node:zlib';
import { HttpFailure } from '../engine/http.ts';

/** What a request says it takes, unless its author says otherwise. */
export const ACCEPTED = 'gzip, deflate, br';

type Decode = (body: InputType, options: ZlibOptions) => Promise<Buffer>;
const ungzip: Decode = promisify<InputType, ZlibOptions, Buffer>(gunzip);
const unzlib: Decode = promisify<InputType, ZlibOptions, Buffer>(inflate);
const undeflate: Decode = promisify<InputType, ZlibOptions, Buffer>(inflateRaw);
const unbrotli: Decode = promisify<InputType, ZlibOptions, Buffer>(brotliDecompress);

/** A body as it was before it was compressed; one in another coding as it came. Rejects HttpFailure: it is larger than `max` bytes, or broken. */
export async function decoded(body: Buffer, coding: string | undefined, max: number): Promise<Buffer> {
  const decode = body.byteLength === 0 ? undefined : decodeOf(coding?.trim().toLowerCase(), body);
  if (decode === undefined) return body;
  try {
    return await decode(body, { maxOutputLength: max });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(max);
    throw new HttpFailure('InvalidResponse', `the answer is not compressed as it says (${coding})`, { cause });
  }
}

function decodeOf(coding: string | undefined, body: Buffer): Decode | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return ungzip;
    case 'deflate':
      // Some servers leave out zlib's header.
      return ((body[0] ?? 0) & 0x0f) === 8 ? unzlib : undeflate;
    case 'br':
      return unbrotli;
    default:
      return undefined;
  }
}

export const tooLarge = (max: number): HttpFailure => new HttpFailure('ResponseTooLarge', `the answer is larger than ${max} bytes`);
