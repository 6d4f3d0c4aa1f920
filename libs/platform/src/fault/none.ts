/** Where tests may stop the process. In production every point is empty: `#fault` resolves here unless node runs with `-C fault`. */
export function fault(_point: string): void {}
