/** One line when a step begins and one when it is done, so a person sees where the time goes; others may be under way meanwhile. */
export async function step(title, work) {
  const started = Date.now();
  process.stdout.write(`• ${title} …\n`);
  const result = await work();
  process.stdout.write(`  ${title.replace(/ \(.*/, '')}: done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
  return result;
}

/** A failure whose message is all that a person needs; no stack is printed for it. */
export class SetupError extends Error {}

/** Runs the main function of a script; a SetupError ends it with its message and exit code 1. */
export async function main(run) {
  try {
    process.exitCode = (await run()) ?? 0;
  } catch (error) {
    process.stderr.write(error instanceof SetupError ? `\n${error.message}\n` : `\n${error?.stack ?? error}\n`);
    process.exitCode = 1;
  }
}
