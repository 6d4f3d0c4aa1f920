import { NodeError } from '../errors.ts';

/** The encoding that a field came out as; empty: utf8. Throws InvalidEncoding. */
export function encodingOf(field: string, text: string): BufferEncoding {
  const encoding = text === '' ? 'utf8' : text;
  if (Buffer.isEncoding(encoding)) return encoding;
  throw new NodeError('InvalidEncoding', `${field}: ${encoding.slice(0, 40)} is no encoding: utf8, base64, hex, latin1, …`);
}

export const isUtf8 = (encoding: BufferEncoding): boolean => /^utf-?8$/i.test(encoding);

/** The bytes that a text stands for. Throws InvalidEncoding where it isn't in its encoding: Node takes what it can read and leaves out the rest. */
export function bytesOf(what: string, text: string, encoding: BufferEncoding): Buffer {
  const form = FORMS[encoding.toLowerCase()];
  if (form !== undefined && !form.test(text)) throw new NodeError('InvalidEncoding', `${what} is not ${encoding}`);
  return Buffer.from(text, encoding);
}

const FORMS: Readonly<Record<string, RegExp>> = {
  hex: /^(?:[0-9a-f]{2})*$/i,
  base64: /^[A-Za-z0-9+/]*={0,2}$/,
  base64url: /^[A-Za-z0-9_-]*={0,2}$/,
};
