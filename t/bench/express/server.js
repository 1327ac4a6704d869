// Server-Sent Events as most tutorials show them: Express, a Redis client, and res.write() for each subscriber.
import process from "node:process";

import express from "express";
import { createClient } from "redis";

const [port, redisUrl] = process.argv.slice(2);
const subscriber = createClient({ url: redisUrl });
await subscriber.connect();

const channels = new Map(); // name -> responses

const app = express();

app.get("/events/:channel", async (request, response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", Connection: "keep-alive" });
  response.flushHeaders();
  const { channel } = request.params;
  if (!channels.has(channel)) {
    channels.set(channel, new Set());
    await subscriber.subscribe(channel, (message) => {
      for (const client of channels.get(channel)) {
        client.write(`data: ${message}\n\n`);
      }
    });
  }
  channels.get(channel).add(response);
  request.on("close", () => channels.get(channel).delete(response));
});

app.listen(Number(port), "127.0.0.1", 4096);
