/** Which way imports may point (docs/ARCHITECTURE.md, "One way"). Each rule's name says what it keeps true. */
/** Tests, and what only they use. */
const SPEC = '(\\.spec\\.ts$|/src/testing/)';
const lib = (name) => `^libs/${name}/`;
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'app-never-imports-app', severity: 'error', from: { path: '^apps/([^/]+)/', pathNot: '^apps/standalone/' }, to: { path: '^apps/', pathNot: '^apps/$1/' } },
    { name: 'libs-never-import-apps', severity: 'error', from: { path: '^libs/', pathNot: SPEC }, to: { path: '^apps/' } },
    { name: 'nothing-imports-tests', severity: 'error', from: { path: '^(apps|libs)/', pathNot: SPEC }, to: { path: '^test/' } },
    {
      name: 'a-lib-is-imported-by-its-index',
      severity: 'error',
      from: { path: '^(apps|test|libs)/([^/]+)/' },
      to: { path: '^libs/([^/]+)/src/', pathNot: ['^libs/[^/]+/src/index\\.ts$', '^libs/platform/src/fault/', '^libs/[^/]+/src/testing/', '^libs/$2/'] },
    },
    { name: 'what-is-for-tests-is-imported-by-tests', severity: 'error', from: { path: '^(apps|libs)/', pathNot: SPEC }, to: { path: '/src/testing/' } },
    { name: 'contracts-imports-only-zod', severity: 'error', from: { path: lib('contracts'), pathNot: SPEC }, to: { pathNot: [lib('contracts'), 'node_modules/zod/'], dependencyTypesNot: ['core'] } },
    {
      name: 'nats-stays-in-messaging',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [lib('messaging'), SPEC] },
      to: { path: 'node_modules/@nats-io/' },
    },
    {
      name: 'typeorm-stays-in-persistence',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [lib('event-sourcing'), lib('partitions'), '^apps/[^/]+/src/persistence/', SPEC] },
      to: { path: 'node_modules/typeorm/' },
    },
    { name: 'nest-stays-in-apps-and-platform', severity: 'error', from: { path: '^libs/', pathNot: lib('platform') }, to: { path: 'node_modules/@nestjs/' } },
    { name: 'domain-imports-no-framework', severity: 'error', from: { path: lib('domain'), pathNot: SPEC }, to: { path: 'node_modules/', pathNot: 'node_modules/zod/' } },
    {
      name: 'a-connector-imports-the-sdk-and-its-client',
      severity: 'error',
      from: { path: '^libs/connectors/src/([^/]+)/', pathNot: SPEC },
      to: { path: '^libs/', pathNot: [lib('connector-sdk'), lib('contracts'), '^libs/platform/src/fault/', '^libs/connectors/src/$1/', '^libs/connectors/src/[^/]+\\.ts$'] },
    },
    {
      name: 'a-definition-never-imports-a-client',
      severity: 'error',
      from: { path: '^libs/connectors/src/[^/]+/definition\\.ts$' },
      to: { path: 'node_modules/', pathNot: 'node_modules/zod/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|docs|docker|scripts)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { conditionNames: ['source', 'node', 'import', 'default'], exportsFields: ['exports'] },
  },
};
