import type { CredentialType, IntegrationType } from '#lib/contracts';
import type { FaultProxy } from '../servers/fault-proxy.ts';

/** A provider as tests see it: a real server of it, and another client's side of that server. One file each, and a provider has its place in every suite. */
export interface Driver {
  readonly type: IntegrationType;
  /** Where a run's `data` has the message, for templates. */
  readonly message: string;
  /** One of its configurations with the secrets in a service credential instead. Absent: those that its servers take have none. */
  named?(config: Configured['config']): Named;
  start(): Promise<ProviderServer>;
}

export interface Named {
  readonly type: CredentialType;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What is left in the integration. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** What an integration is made of, its secrets in clear. */
export interface Configured {
  readonly topics: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  /** What of it must never be seen. */
  readonly secrets: readonly string[];
}

export interface ProviderServer {
  /** Its name and version, for people. */
  readonly name: string;
  /** Settings of a connector that is to find it; none where an integration says it all. */
  readonly settings: Readonly<Record<string, string>>;
  /** Everything between integrations and the server passes here; other clients don't. */
  readonly proxy: FaultProxy;
  /** A queue, topic or stream of its own. `ordered`: one that keeps the order, where not all do. */
  source(name: string, options?: { readonly ordered?: boolean }): Promise<Source>;
  outlet(name: string): Promise<Outlet>;
  /** As a source, but what it names isn't there, or isn't allowed. */
  missing(): Promise<Configured>;
  /** Accepts no credential of an integration any more, of links at hand too, until `restore`. */
  revoke(): Promise<void>;
  /** Hears no acknowledgement of a message any more, until `restore`. Absent: it is told none, as whoever reads keeps for himself how far he is. */
  deafen?(): void;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** Where messages come from. */
export interface Source extends Configured {
  /** The same with another credential that the server accepts. */
  readonly rotated: Configured;
  /** The same with one that it doesn't, from this call on and until `restore`. Links at hand stand. */
  refused(): Configured;
  /** As another client does, in their order. */
  publish(bodies: readonly (string | Buffer)[]): Promise<void>;
  /** Messages the server keeps for the integration, handed over or not; absent: it can't be asked. */
  kept?(): Promise<number>;
  /** What was handed over and not acknowledged may come again: its time is over. Absent: it does so by itself. */
  redeliver?(): Promise<void>;
  /** What the server has of an integration that was deleted, each by a name. */
  remains(integrationId: string): Promise<readonly string[]>;
}

/** Where messages are sent to. */
export interface Outlet extends Configured {
  /** Options of a send to it. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Type and configuration of a workflow node that sends a text to it. */
  node(integrationId: string, template: string): { readonly type: string; readonly config: Readonly<Record<string, unknown>> };
  /** What arrived, as another client sees it, oldest first. */
  sent(): readonly string[];
}
