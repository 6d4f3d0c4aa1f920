import type { CredentialType, FieldIssue, IntegrationType } from '#lib/contracts';
import type { z } from 'zod';
import type { Provider } from './connection.ts';

/** Marks on a field of a configuration schema, through zod's `.meta()`. Forms, sealing, masking, templates and docs derive from them. */
export interface FieldMarks {
  readonly title?: string;
  readonly description?: string;
  /** Sealed before it reaches an event; masked in answers. */
  readonly secret?: boolean;
  /** Accepts `{{globals.key}}`; rendered in the connector. */
  readonly template?: boolean;
  readonly advanced?: boolean;
}

export interface Capabilities {
  /** Delivery class as a user sees it; may depend on the configuration. */
  delivery(config: Record<string, unknown>): 'at-least-once' | 'at-most-once';
  /** Outputs are stored while disconnected. */
  readonly queue: boolean;
  readonly send: boolean;
  /** The provider gives each message an id of its own. */
  readonly providerIds: boolean;
  readonly topics: boolean;
  /** A message is any bytes; false: text only. */
  readonly binary: boolean;
  /** Bytes of the largest message, where the provider takes less than the bus does (8 MB). */
  readonly maxBytes?: number;
}

/** An integration as its definition judges it: the configuration has passed its schema; a secret that is kept as stored stands as its mask. */
export interface IntegrationDraft {
  readonly credentialName?: string | undefined;
  readonly topics: readonly string[];
  readonly config: Record<string, unknown>;
}

/** Where a configuration connects to: the field that says so, and the host in it. Fields with templates are left out: those are checked when dialled. */
export interface Endpoint {
  readonly field: string;
  readonly host: string;
}

/** How a link ended, or why there is none. */
export interface LinkEnd {
  readonly kind: 'disconnect' | 'failure';
  readonly reason: string;
  /** We closed it: disabled, changed, stopped. */
  readonly deliberate: boolean;
  /** What the ConnectorError carried. */
  readonly data?: Record<string, unknown> | undefined;
}

/** What a provider declares. Never imports its client. */
export interface Definition<C = unknown> {
  readonly type: IntegrationType;
  readonly title: string;
  /** `<type>Config` on the wire, closed at every level, with limits; its output has the defaults filled in. */
  readonly config: z.ZodType<C>;
  readonly capabilities: Capabilities;
  /** Where topics are used: what one entry must look like; absent: a non-empty list is refused. */
  readonly topic?: z.ZodType<string>;
  /** What an integration may name by `credentialName`; absent: none. */
  readonly credential?: CredentialType;
  /**
   * Why a credential of that type can't be used with an integration of this configuration, naming its field; absent or undefined: it can. Gets the fields of
   * the credential that are no secret, and the configuration as it is stored: what of it is a template is for `connect` to judge.
   */
  readonly credentialIssue?: (
    credential: Readonly<Record<string, unknown>>,
    config: Readonly<Record<string, unknown>>,
  ) => string | undefined;
  /**
   * The way of authenticating, inferred from the fields present: `none`, `credential`, `password`, `certificate`, `inline`, … Sealed secrets are kept in a
   * PATCH only while it stays the same. Also called with incomplete and stored (sealed) configurations: it looks at presence only.
   */
  authentication(config: Readonly<Record<string, unknown>>, credentialName: string | undefined): string;
  /** Fields of the inline ways of authenticating: dropped when an integration switches to a credential. */
  readonly inlineAuthentication: readonly string[];
  /** Rules across fields; paths as in the integration on the wire (`mqttConfig`, `password`). */
  rules(draft: IntegrationDraft): FieldIssue[];
  /** Every host that the configuration names outright, those inside connection strings, URLs and key files too. */
  endpoints(config: Readonly<Record<string, unknown>>): Endpoint[];
  /** Schema of a send's `options`. */
  readonly send?: z.ZodType;
  /** `data` of the run that a message starts, without `type`; `body` is the provider's bytes. */
  readonly messageData: (message: { readonly attributes: Record<string, unknown>; readonly body: Uint8Array }) => Record<string, unknown>;
  /** `data` of the run of a disconnect or failure trigger, without `type`; absent: `{disconnectReason}` or `{failureReason}`. */
  readonly endData?: (end: LinkEnd) => Record<string, unknown>;
  /** Loads the client. */
  readonly load: () => Promise<Provider<C>>;
}
