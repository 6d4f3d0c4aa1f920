import type { IntegrationType } from '#lib/contracts';
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
}

/** What a provider declares. Never imports its client. */
export interface Definition<C = unknown> {
  readonly type: IntegrationType;
  readonly title: string;
  /** `<type>Config` on the wire, closed at every level, with limits and conditional rules. */
  readonly config: z.ZodType<C>;
  readonly capabilities: Capabilities;
  /** Where topics are used: what one entry must look like; absent: a non-empty list is refused. */
  readonly topic?: z.ZodType<string>;
  /** Schema of a send's `options`. */
  readonly send?: z.ZodType;
  /** Loads the client; absent until this provider's connector is built: creating one answers 501 naming the type. */
  readonly load?: () => Promise<Provider<C>>;
}
