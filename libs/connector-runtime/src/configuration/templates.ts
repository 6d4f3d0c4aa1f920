import type { Definition } from '#lib/connector-sdk';
import { templatePaths, visit } from '#lib/connectors';
import { type ApplicationState, configFieldOf, formatPath } from '#lib/contracts';
import { type DataKey, isSealed, unseal } from '#lib/secrets';
import { TemplateError, referencesOf, render } from '#lib/templating';

export type Config = Record<string, unknown>;
/** A configuration with its templates filled in. */
export interface Filled {
  readonly config: Config;
  /** The same with nothing for each secret global. */
  readonly open: Config;
}
/** A configuration can't be used; the message names the field, never its value. */
export class Refusal extends Error {}

/** The value at `position`, changed in a copy that shares the rest. */
export function withValue(value: unknown, position: readonly (string | number)[], replace: unknown): unknown {
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

/** A configuration's templates filled in from the application's globals, of which those that are read are opened. Throws {@link Refusal}. */
export function fill(definition: Definition, config: Config, application: ApplicationState | undefined, key: DataKey | undefined): Filled {
  const templates: { position: (string | number)[]; source: string }[] = [];
  for (const path of templatePaths(definition))
    visit(config, path, (value, position) => {
      if (typeof value === 'string' && value.includes('{{')) templates.push({ position, source: value });
    });
  if (templates.length === 0) return { config, open: config };
  const wanted = new Set<string>();
  let all = false;
  const named = ({ position }: { position: (string | number)[] }): string => formatPath([configFieldOf(definition.type), ...position]);
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
  const typed = withTypes(
    definition,
    filled,
    templates.map(({ position }) => position),
  );
  return { config: typed, open: openOf(filled, filledWith, globals, application) };
}

/** A template renders to text; where the schema takes no text but a number, it becomes one. */
function withTypes(definition: Definition, config: Config, rendered: readonly (string | number)[][]): Config {
  const parsed = definition.config.safeParse(config);
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
