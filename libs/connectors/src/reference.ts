import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Definition } from '#lib/connector-sdk';
import type { IntegrationType } from '#lib/contracts';
import { z } from 'zod';
import { definitions } from './registry.ts';

const FOLDERS = {
  sqs: 'sqs',
  azureEventHub: 'azure-event-hubs',
  googlePubSub: 'google-pubsub',
  mqtt: 'mqtt',
  particle: 'particle',
  websocket: 'websocket',
} satisfies Record<IntegrationType, string>;

const GENERATED = '<!-- Made by `npm run docs` from the definition and the README.md beside it in libs/connectors/src: change those. -->';

/** What we read of zod's JSON Schema, with our marks on it. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly default?: unknown;
  readonly title?: string;
  readonly description?: string;
  readonly secret?: boolean;
  readonly template?: boolean;
}

const schemaOf = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema;

const code = (value: unknown): string => `\`${String(value).replaceAll('|', '\\|')}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const between = (unit: string, least: number | undefined, most: number | undefined): string =>
  most === undefined ? '' : least === undefined ? ` of at most ${most}${unit}` : ` of ${least} to ${most}${unit}`;

/** What a value may be, in words. */
function valuesOf(schema: Schema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(valuesOf).join(' or ');
  if (schema.enum !== undefined) return schema.enum.map(code).join(', ');
  if (schema.const !== undefined) return code(schema.const);
  switch (schema.type) {
    case 'string':
      return `text${between(' characters', schema.minLength, schema.maxLength)}${schema.pattern === undefined ? '' : `, as ${code(schema.pattern)}`}`;
    case 'integer':
      return `a whole number${between('', schema.minimum, schema.maximum)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list${schema.maxItems === undefined ? '' : ` of at most ${schema.maxItems}`}`;
    default:
      return [schema.type ?? 'any'].flat().join(' or ');
  }
}

function rowsOf(schema: Schema, prefix = ''): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const { title, description, secret, template, items } = field;
    const path = `${prefix}${name}`;
    const needed =
      field.default !== undefined ? `default ${code(field.default)}` : (schema.required ?? []).includes(name) ? 'required' : '';
    const marks = [...(secret === true ? ['secret'] : []), ...(template === true ? ['template'] : [])].join(', ');
    const what = [title, description].filter(Boolean).join(': ');
    return [[code(path), what, valuesOf(field), needed, marks], ...(items === undefined ? [] : rowsOf(items, `${path}[].`))];
  });
}

/** The classes that a configuration can have, by its switches. */
function deliveries({ capabilities, config }: Definition): string {
  const switches = Object.entries(schemaOf(config).properties ?? {}).filter(([, { type }]) => type === 'boolean');
  const configs = [{}, ...switches.flatMap(([name]) => [{ [name]: false }, { [name]: true }])];
  return [...new Set(configs.map((each) => capabilities.delivery(each)))].join(' or ');
}

const yes = (value: boolean): string => (value ? 'yes' : 'no');

function declared(definition: Definition): string {
  const { capabilities, topic, credential, send } = definition;
  const parts = [
    table(
      ['', ''],
      [
        ['`integrationType`', code(definition.type)],
        ['configuration', code(`${definition.type}Config`)],
        ['delivery class', deliveries(definition)],
        ['ids of the provider, by which redeliveries are known', yes(capabilities.providerIds)],
        ['sends', yes(capabilities.send)],
        ['queues sends while disconnected', yes(capabilities.queue)],
        ['`topics`', capabilities.topics ? (topic === undefined ? 'yes' : valuesOf(schemaOf(topic))) : 'none'],
        ['service credential', credential === undefined ? 'none' : code(credential)],
      ],
    ),
    `### ${code(`${definition.type}Config`)}\n\n${table(['field', 'what', 'values', '', ''], rowsOf(schemaOf(definition.config)))}`,
    'A *secret* is sealed and in no answer. A *template* takes `{{globals.key}}`, which is rendered before the value is judged.',
  ];
  if (send !== undefined) parts.push(`### A send's options\n\n${table(['option', 'what', 'values', '', ''], rowsOf(schemaOf(send)))}`);
  return parts.join('\n\n');
}

export interface Page {
  /** Below docs/connectors. */
  readonly file: string;
  readonly text: string;
}

/** A page for each provider, and one that lists them. `root`: the repository, for the READMEs. */
export function connectorPages(root: string): readonly Page[] {
  const all = Object.values(definitions) as readonly Definition[];
  const pages = all.map((definition): Page => {
    const folder = FOLDERS[definition.type];
    const readme = readFileSync(join(root, 'libs', 'connectors', 'src', folder, 'README.md'), 'utf8').trimEnd();
    return { file: `${folder}.md`, text: `${GENERATED}\n\n${readme}\n\n## Reference\n\n${declared(definition)}\n` };
  });
  const rows = all.map((definition) => [
    `[${definition.title}](${FOLDERS[definition.type]}.md)`,
    code(definition.type),
    deliveries(definition),
    yes(definition.capabilities.providerIds),
    yes(definition.capabilities.queue),
    definition.credential === undefined ? 'none' : code(definition.credential),
  ]);
  const list = table(['provider', '`integrationType`', 'delivery class', 'ids', 'queues sends', 'service credential'], rows);
  return [...pages, { file: 'README.md', text: `${GENERATED}\n\n# Connectors\n\n${list}\n` }];
}
