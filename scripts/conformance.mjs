/**
 * `npm run conformance`: what every provider does alike, proved with its real client library against a server, as a table of cases by providers. A case that
 * a provider is exempt from names the capability that its definition declares. `npm run conformance -- <name>` runs the cases whose name matches.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main } from './setup/step.mjs';
import { testEnvironment } from './setup/test-tools.mjs';

const CELLS = join(ROOT, '.bench', 'conformance.jsonl');

await main(async () => {
  const env = { ...(await testEnvironment()), SLUICE_CONFORMANCE: CELLS };
  mkdirSync(join(ROOT, '.bench'), { recursive: true });
  rmSync(CELLS, { force: true });
  const filter = process.argv.slice(2).flatMap((name) => ['-t', name]);
  const { code } = await run(NODE, ['node_modules/vitest/vitest.mjs', 'run', 'test/conformance', ...filter], {
    cwd: ROOT,
    env,
    show: true,
  });
  const cells = existsSync(CELLS)
    ? readFileSync(CELLS, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
  process.stdout.write(`\n${table(cells)}\n`);
  return code;
});

/** Markdown: a row a case, a column a provider with its server. What has no cell did not run. */
function table(cells) {
  const providers = [...new Set(cells.map(({ provider }) => provider))].toSorted((a, b) => a.localeCompare(b));
  const names = [...new Set(cells.map(({ name }) => name))];
  const serverOf = (provider) => cells.find((cell) => cell.provider === provider).server;
  const outcome = (name, provider) => cells.find((cell) => cell.name === name && cell.provider === provider)?.outcome ?? 'did not run';
  const rows = [
    ['', ...providers],
    ['server', ...providers.map(serverOf)],
    ...names.map((name) => [name, ...providers.map((provider) => outcome(name, provider))]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`);
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}
