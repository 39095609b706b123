export function compileProgram(folder?: string): Promise<void>;
