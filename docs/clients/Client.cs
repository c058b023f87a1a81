// Asks Mien for the faces of pictures: dotnet run Client.cs http://127.0.0.1:8000 a.jpg b.jpg (.NET 10 or newer).
using System.Globalization;
using System.Text.Json;

using var http = new HttpClient { BaseAddress = new Uri(args[0]) };
foreach (var file in args[1..])
{
    using var response = await http.PostAsync("/detect", new ByteArrayContent(await File.ReadAllBytesAsync(file)));
    using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
    if (!response.IsSuccessStatusCode) // a problem (RFC 9457)
        Console.WriteLine($"{file}\t{answer.RootElement.GetProperty("code")}\t{answer.RootElement.GetProperty("detail")}");
    else
        foreach (var face in answer.RootElement.GetProperty("faces").EnumerateArray())
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{file}\t{face.GetProperty("emotion")}\t{face.GetProperty("confidence").GetDouble():F2}"));
}
