import { NodeError } from './errors.ts';

/** Who a request says it is. */
export type HttpAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'clientCert'; readonly key: string; readonly certificate: string }
  /** The application's service credential of that name. */
  | { readonly kind: 'credential'; readonly name: string };

/** An HTTP request that a node makes. */
export interface HttpCall {
  /** run:node:path, the same in every attempt of the run. */
  readonly id: string;
  readonly applicationId: string;
  readonly method: string;
  /** With a credential it may be a path, which then goes behind the credential's address. */
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  readonly auth: HttpAuth;
  /** PEM; instead of the usual authorities. */
  readonly caCertificate?: string | undefined;
  /** Whether the server's certificate is looked at. */
  readonly verify: boolean;
  readonly followRedirects: boolean;
  /** From the dial to the answer's last byte, over all redirects. */
  readonly timeoutMs: number;
  /** Asked before it starts: nobody waits for the result any more. */
  readonly abandoned: () => boolean;
}

/** An answer, whatever its status. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  /** What was asked for, without what the call's `auth` adds. */
  readonly uri: string;
}

/** No answer: what `errorBehavior` is for. Names no secret. */
export class HttpFailure extends NodeError {}
