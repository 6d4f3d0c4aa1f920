import { readEnvironment, runService, setting } from '#lib/platform';
import { z } from 'zod';
import { startRunner } from './index.ts';

const Settings = z.object({
  postgresUrl: setting.url('postgres', 'postgresql'),
  masterKeyFile: setting.text(),
  egressAllow: setting.text().default(''),
});

/** The runner as a process of its own. */
runService(
  'workflow-runner',
  (environment) =>
    readEnvironment(
      Settings,
      { postgresUrl: 'SLUICE_POSTGRES_URL', masterKeyFile: 'SLUICE_MASTER_KEY_FILE', egressAllow: 'SLUICE_EGRESS_ALLOW' },
      environment,
    ),
  startRunner,
  {
    health: true,
  },
);
