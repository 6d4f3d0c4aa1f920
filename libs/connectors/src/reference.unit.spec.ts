import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fieldsOf } from './marks.ts';
import { connectorPages } from './reference.ts';
import { definitions } from './registry.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const pages = connectorPages(ROOT);
const pageOf = (type: string): string => pages.find(({ text }) => text.includes(`| \`integrationType\` | \`${type}\` |`))?.text ?? '';

describe('the pages of the connectors', () => {
  it('are what docs/connectors holds: `npm run docs` renews them', () => {
    expect(readdirSync(join(ROOT, 'docs', 'connectors')).toSorted()).toEqual(pages.map(({ file }) => file).toSorted());
    const stale = pages.filter(({ file, text }) => readFileSync(join(ROOT, 'docs', 'connectors', file), 'utf8') !== text);
    expect(stale.map(({ file }) => file)).toEqual([]);
  });

  it.each(Object.values(definitions))('name every field of $type, and its secrets', (definition) => {
    const page = pageOf(definition.type);
    const rows = fieldsOf(definition).map(({ path, marks }) => {
      const name = path.join('.').replaceAll('.*', '[]');
      const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
      return { name, told: row !== '', secret: /secret[^|]*\|$/.test(row) === (marks.secret === true) };
    });
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ told, secret }) => !told || !secret)).toEqual([]);
  });

  it.each(Object.values(definitions))('say of $type what a user may see and what to do', (definition) => {
    const page = pageOf(definition.type);
    for (const state of ['unauthorized', 'misconfigured', 'disconnected']) expect(page).toMatch(new RegExp(`^\\|.*${state}.*\\|`, 'm'));
  });
});
