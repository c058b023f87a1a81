// Starts Swagger UI; a file of its own, because the content security policy allows no inline script.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // its default would contact a third-party host
});
