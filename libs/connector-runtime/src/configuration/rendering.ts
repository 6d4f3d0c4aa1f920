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
import type { Identity } from '../identity.ts';
import { checkIntegration, secretPaths, templatePaths, visit } from '#lib/connectors';
import { CredentialError, type DataKey, type DataKeys, isSealed, openCredential, unseal, unsealFields } from '#lib/secrets';
import { TemplateError, referencesOf, render } from '#lib/templating';

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

type Config = Record<string, unknown>;
/** What beside its configuration a connection is made of. */
type Made = Pick<IntegrationState, 'id' | 'applicationId' | 'credentialName' | 'topics' | 'assignedClientId'>;
/** A configuration with its templates filled in. */
interface Filled {
  readonly config: Config;
  /** The same with nothing for each secret global. */
  readonly open: Config;
}
class Refusal extends Error {}

/** The value at `position`, changed in a copy that shares the rest. */
function withValue(value: unknown, position: readonly (string | number)[], replace: unknown): unknown {
  const [head, ...rest] = position;
  if (head === undefined) return replace;
  if (Array.isArray(value)) return value.map((entry, index) => (index === head ? withValue(entry, rest, replace) : entry));
  const object = value as Config;
  return { ...object, [head]: withValue(object[head], rest, replace) };
}

/** Opens sealed globals only when a template reads them. */
function globalsFor(application: ApplicationState, key: DataKey | undefined, wanted: ReadonlySet<string> | 'all'): Config {
  const globals: Config = {};
  for (const { key: name, json } of application.globals) {
    if (wanted !== 'all' && !wanted.has(name)) continue;
    let text: string;
    if (isSealed(json)) {
      if (key === undefined) throw new Refusal(`the secret global ${name} cannot be opened: the application has no key`);
      try {
        text = unseal(key, json, { applicationId: application.id, resourceId: application.id, field: `globals.${name}` });
      } catch (cause) {
        throw new Refusal(`the secret global ${name} cannot be opened`, { cause });
      }
    } else text = json;
    try {
      globals[name] = JSON.parse(text);
    } catch {
      // The parser's words quote their input.
      throw new Refusal(`the global ${name} is not valid JSON`);
    }
  }
  return globals;
}

/** Keys of globals that a template reads; `all` when it may read any. */
function globalsIn(template: string): string[] | 'all' {
  const keys: string[] = [];
  for (const reference of referencesOf(template)) {
    const [root, key] = reference.split('.');
    if (root !== 'globals') continue;
    if (key === undefined || key === '') return 'all';
    keys.push(key);
  }
  return keys;
}

/** What of a filled configuration no secret global says. */
function openOf(
  filled: Config,
  filledWith: (globals: Config) => Config,
  globals: Config,
  application: ApplicationState | undefined,
): Config {
  const secret = (application?.globals ?? []).filter(({ key, json }) => isSealed(json) && Object.hasOwn(globals, key));
  if (secret.length === 0) return filled;
  try {
    return filledWith({ ...globals, ...Object.fromEntries(secret.map(({ key }) => [key, ''])) });
  } catch (error) {
    // A template that can't be filled without them: then each change of one is a change of the whole.
    if (error instanceof Refusal) return filled;
    throw error;
  }
}

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
      const made = this.#make(state, this.#fill(this.#open(state, key), application, key), opened);
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

  #fill(config: Config, application: ApplicationState | undefined, key: DataKey | undefined): Filled {
    const templates: { position: (string | number)[]; source: string }[] = [];
    for (const path of templatePaths(this.#definition))
      visit(config, path, (value, position) => {
        if (typeof value === 'string' && value.includes('{{')) templates.push({ position, source: value });
      });
    if (templates.length === 0) return { config, open: config };
    const wanted = new Set<string>();
    let all = false;
    const named = ({ position }: { position: (string | number)[] }): string =>
      formatPath([configFieldOf(this.#definition.type), ...position]);
    const guarded = <T>(template: { position: (string | number)[] }, work: () => T): T => {
      try {
        return work();
      } catch (error) {
        if (error instanceof TemplateError) throw new Refusal(`${named(template)} cannot be rendered: ${error.message}`, { cause: error });
        throw error;
      }
    };
    for (const template of templates) {
      const keys = guarded(template, () => globalsIn(template.source));
      if (keys === 'all') all = true;
      else for (const name of keys) wanted.add(name);
    }
    const globals = application === undefined ? {} : globalsFor(application, key, all ? 'all' : wanted);
    const filledWith = (values: Config): Config =>
      templates.reduce<unknown>(
        (filled, template) =>
          withValue(
            filled,
            template.position,
            guarded(template, () => render(template.source, { globals: values })),
          ),
        config,
      ) as Config;
    const filled = filledWith(globals);
    const typed = this.#typed(
      filled,
      templates.map(({ position }) => position),
    );
    return { config: typed, open: openOf(filled, filledWith, globals, application) };
  }

  /** A template renders to text; where the schema takes no text but a number, it becomes one. */
  #typed(config: Config, rendered: readonly (string | number)[][]): Config {
    const parsed = this.#definition.config.safeParse(config);
    if (parsed.success) return config;
    const wrong = new Set(parsed.error.issues.map((issue) => issue.path.join('.')));
    let typed: unknown = config;
    for (const position of rendered) {
      let text: unknown = config;
      for (const step of position) text = (text as Record<string | number, unknown>)[step];
      if (wrong.has(position.join('.')) && typeof text === 'string' && /^\s*\d{1,15}\s*$/.test(text))
        typed = withValue(typed, position, Number(text));
    }
    return typed as Config;
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
