import { createHash } from 'node:crypto';
import type { ConnectionConfig, Definition } from '#lib/connector-sdk';
import {
  type ApplicationState,
  type CredentialState,
  type FieldIssue,
  type IntegrationState,
  type SendThrough,
  configFieldOf,
  formatPath,
} from '#lib/contracts';
import { checkIntegration, secretPaths, visit } from '#lib/connectors';
import { CredentialError, type DataKey, type DataKeys, openCredential, unseal, unsealFields } from '#lib/secrets';
import type { Identity } from '../identity.ts';
import { type Config, type Filled, Refusal, fill, withValue } from './templates.ts';

/** A configuration ready to connect with, its secrets in clear: not kept longer than the attempt. */
export interface Rendered {
  readonly ok: true;
  readonly config: ConnectionConfig<unknown>;
  /** Equal for equal rendered configurations. */
  readonly fingerprint: string;
  /** Equal for configurations that differ in their secrets only: how they authenticate, a credential, secret globals. */
  readonly base: string;
  /** The credential that was used, for people: `credential key of <when it was changed>`. */
  readonly credential: string | undefined;
  /** Where it connects to, as far as the definition can tell; else the type. */
  readonly host: string;
  readonly delivery: 'at-least-once' | 'at-most-once';
}
export interface Unrenderable {
  readonly ok: false;
  /** Names the field; never its value. */
  readonly reason: string;
}

/** What an integration is made of besides its own state. */
export interface Surroundings {
  readonly application: ApplicationState | undefined;
  /** Of the name that the integration gives. */
  readonly credential: CredentialState | undefined;
}

/** What beside its configuration a connection is made of. */
type Made = Pick<IntegrationState, 'id' | 'applicationId' | 'credentialName' | 'topics' | 'assignedClientId'>;
/** A configuration without what it authenticates with. */
function unauthenticated(definition: Definition, config: Config): Config {
  let rest: unknown = config;
  for (const field of definition.inlineAuthentication) rest = withValue(rest, [field], undefined);
  for (const path of secretPaths(definition)) visit(config, path, (_, position) => (rest = withValue(rest, position, undefined)));
  return rest as Config;
}

const fingerprintOf = (made: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(made)).digest('base64url').slice(0, 22);

const describe = ({ path, message }: FieldIssue): string => `${formatPath(path)} ${message}`;

/** Makes what a connection needs of what is stored: opens secrets, fills in templates, and judges the result by the definition again. */
export class Renderer {
  readonly #definition: Definition;
  readonly #keys: DataKeys;

  constructor(definition: Definition, keys: DataKeys) {
    this.#definition = definition;
    this.#keys = keys;
  }

  /** Rejects BusError while the application's key can't be fetched. */
  async render(state: IntegrationState, { application, credential }: Surroundings): Promise<Rendered | Unrenderable> {
    const key = await this.#key(state.applicationId);
    try {
      const { credentialName: name } = state;
      const opened = name === undefined ? undefined : this.#credential(['credentialName', name], credential, state.config, key);
      const used = name === undefined || credential === undefined ? undefined : `credential ${name} of ${credential.lastUpdated}`;
      const made = this.#make(state, fill(this.#definition, this.#open(state, key), application, key), opened);
      return made.ok ? { ...made, credential: used } : made;
    } catch (error) {
      if (error instanceof Refusal || error instanceof CredentialError) return { ok: false, reason: error.message };
      throw error;
    }
  }

  /** What a send brings instead of an integration: its fields are as they are to be, and no templates any more. Rejects as {@link render}. */
  async renderThrough(
    { applicationId, integrationId: id }: Identity,
    { credentialName, config }: SendThrough,
    credential: CredentialState | undefined,
  ): Promise<Omit<Rendered, 'credential'> | Unrenderable> {
    try {
      const key = credentialName === undefined ? undefined : await this.#key(applicationId);
      const opened =
        credentialName === undefined ? undefined : this.#credential(['credentialNameTemplate', credentialName], credential, config, key);
      const made = this.#make({ id, applicationId, credentialName, topics: [] }, { config, open: config }, opened);
      return made.ok ? made : { ok: false, reason: made.reason.replaceAll(`${configFieldOf(this.#definition.type)}.`, '') };
    } catch (error) {
      if (error instanceof CredentialError) return { ok: false, reason: error.message };
      throw error;
    }
  }

  async #key(applicationId: string): Promise<DataKey | undefined> {
    return await this.#keys.of(applicationId).catch((error: unknown) => {
      if (error instanceof Error && error.name === 'SecretError') return undefined;
      throw error;
    });
  }

  #open(state: IntegrationState, key: DataKey | undefined): Config {
    const at = configFieldOf(this.#definition.type);
    return unsealFields(state.config, (sealed, field) => {
      if (key === undefined) throw new Refusal(`${at}.${field} cannot be opened: the application's key is not there or not readable`);
      try {
        return unseal(key, sealed, { applicationId: state.applicationId, resourceId: state.id, field });
      } catch (cause) {
        throw new Refusal(`${at}.${field} cannot be opened: it was sealed with another key or for another place`, { cause });
      }
    });
  }

  /** The fields of the credential that is named, in clear. */
  #credential(
    [field, name]: readonly [field: string, name: string],
    credential: CredentialState | undefined,
    config: Config,
    key: DataKey | undefined,
  ): Config {
    const { title, credential: type, credentialIssue } = this.#definition;
    const issue = (open: Config): string | undefined => credentialIssue?.(open, config);
    return openCredential({ field, name, type, user: title, issue }, credential, key);
  }

  #make(state: Made, { config, open }: Filled, credential: Config | undefined): Omit<Rendered, 'credential'> | Unrenderable {
    // Every secret is in clear here: eight asterisks are a password like any other.
    const clear = new Set<string>();
    for (const path of secretPaths(this.#definition)) visit(config, path, (_, position) => clear.add(position.join('.')));
    const checked = checkIntegration(
      this.#definition,
      { credentialName: state.credentialName, topics: state.topics, config },
      { kept: clear },
    );
    if (!checked.ok) return { ok: false, reason: checked.issues.slice(0, 3).map(describe).join('; ') };
    const assignedClientId = state.assignedClientId ?? `sluice-${state.id}`;
    const endpoints = this.#definition.endpoints(checked.config);
    return {
      ok: true,
      config: {
        integrationId: state.id,
        applicationId: state.applicationId,
        topics: state.topics,
        config: credential === undefined ? checked.config : { ...checked.config, credential },
        assignedClientId,
      },
      fingerprint: fingerprintOf([checked.config, state.topics, assignedClientId, state.credentialName ?? null, credential ?? null]),
      base: fingerprintOf([unauthenticated(this.#definition, open), state.topics, assignedClientId, endpoints]),
      host: endpoints[0]?.host ?? this.#definition.type,
      delivery: this.#definition.capabilities.delivery(checked.config),
    };
  }
}
