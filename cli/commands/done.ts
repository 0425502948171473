/** What a command calls at its end, with its exit code. */
export type Done = (exitCode: number) => void
