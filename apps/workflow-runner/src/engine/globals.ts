import type { ApplicationState, GlobalState, WorkflowState } from '#lib/contracts';
import { sizeOf } from './size.ts';

/** The globals of a workflow's runs, and their size in bytes: they come on top of what a payload may have. Shared by all runs; nobody changes them in place. */
export interface Globals {
  readonly values: Readonly<Record<string, unknown>>;
  readonly size: number;
}

/** The application's globals that aren't secret, then the workflow's own, which win. */
export function mergedGlobals(application: ApplicationState, workflow: WorkflowState): Globals {
  const secret = new Set(application.secretGlobals);
  const entries = [...application.globals.filter(({ key }) => !secret.has(key)), ...workflow.globals].flatMap(parsed);
  const values = Object.fromEntries(entries);
  return { values, size: sizeOf(values, Number.MAX_SAFE_INTEGER) };
}

/** A sealed one is secret, whatever the list says. */
const parsed = ({ key, json }: GlobalState): [string, unknown][] => (typeof json === 'string' ? [[key, JSON.parse(json) as unknown]] : []);
