import { createServer } from "node:net";
import { SetupFailure } from "../failure.mjs";

/** Refuses a port that somebody listens on, before anything is started. */
export async function checkPort({ host, port, purpose, option }) {
  const trouble = await troubleWith(host, port);
  if (trouble === undefined) return;
  const where = `Port ${port} (${purpose})`;
  if (trouble === "EADDRINUSE") {
    throw new SetupFailure(
      `${where} is taken by another program.`,
      `Stop that one, or choose another port: npm start -- ${option} ${port + 1}`,
    );
  }
  if (trouble === "EACCES") {
    throw new SetupFailure(
      `${where} is reserved for root.`,
      `Choose one above 1023: npm start -- ${option} 3333`,
    );
  }
  throw new SetupFailure(
    `${where} cannot be opened on ${host} (${trouble}).`,
    "Choose another address or port.",
  );
}

function troubleWith(host, port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", ({ code }) => resolve(code));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
