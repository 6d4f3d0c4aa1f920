/**
 * Why a connection or a send failed, as the runtime needs to know it: it alone decides what follows.
 * unauthorized: the provider refused the credential; waits for a new version, "retry now" or 5 minutes. misconfigured: what the user configured cannot
 * work (refused topic filter, missing queue); waits the same. throttled: the provider asked to slow down, `retryAfterMs` if it said when.
 * lost: the network or the server; reconnects with jitter. refused: this message only (too large, invalid topic); the connection is fine.
 */
export type ConnectorErrorCode = 'unauthorized' | 'misconfigured' | 'throttled' | 'lost' | 'refused';

/** `message` is shown to people as the status' reason: it names what they can change, and never carries a secret. */
export class ConnectorError extends Error {
  constructor(
    readonly code: ConnectorErrorCode,
    message: string,
    /** `data`: the provider's own facts of it, JSON-safe and without a secret, for `Definition.endData`: a close code. */
    readonly details: { cause?: unknown; retryAfterMs?: number; data?: Record<string, unknown> } = {},
  ) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'ConnectorError';
  }
}
