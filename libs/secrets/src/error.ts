/**
 * keyFile: the master key's file is missing, readable by others, or of the wrong size. wrongKey: sealed under another key. tampered: the text was changed,
 * or stands in another place (tenant, resource, field) than it was sealed for. format: not a sealed text. A message never carries clear or key text.
 */
export type SecretErrorCode = 'keyFile' | 'wrongKey' | 'tampered' | 'format';

export class SecretError extends Error {
  constructor(
    readonly code: SecretErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'SecretError';
  }
}
